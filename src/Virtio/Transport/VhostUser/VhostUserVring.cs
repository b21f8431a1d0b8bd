using Makatea.Platform;

namespace Makatea.Virtio;

/// <summary>
/// What a front end said about one ring, and the worker that serves it (vhost-user, "Ring states"). A ring is served while it is
/// started (it has a kick), enabled, completely described, and not broken.
/// </summary>
internal sealed class VhostUserVring(int index) : IDisposable
{
    private RingPosition? _position;
    private Doorbell? _kick;
    private Doorbell? _call;
    private Doorbell? _error;
    private bool _broken;

    /// <summary>Index of the ring in the device.</summary>
    public int Index { get; } = index;

    /// <summary>Number of descriptors; 0 until said.</summary>
    public ushort Size { get; set; }

    /// <summary>Where the ring is; null until said.</summary>
    public VhostUserVringAddress? Address { get; set; }

    /// <summary>The front end enabled it.</summary>
    public bool Enabled { get; set; }

    /// <summary>The front end started it, with a kick or with the word that there is none.</summary>
    public bool Started { get; private set; }

    /// <summary>Where to go on, in the encoding of <see cref="VhostUserVringBase"/>.</summary>
    public uint Base { get; private set; }

    /// <summary>Serves the ring, while it is served.</summary>
    public QueueWorker? Worker { get; private set; }

    /// <summary>Everything is there that serving needs.</summary>
    public bool IsReady => Started && Enabled && !_broken && Size != 0 && Address is not null;

    /// <summary>Sets where to go on.</summary>
    public void SetBase(uint value)
    {
        Base = value;
        _position = null;
    }

    /// <summary>Starts the ring with a kick, or null where the driver does not kick. The worker must not run.</summary>
    public void SetKick(Doorbell? kick)
    {
        _kick?.Dispose();
        _kick = kick;
        Started = true;
    }

    /// <summary>Replaces what is rung for the driver, also while the worker runs.</summary>
    public void SetCall(Doorbell? call)
    {
        Doorbell? old = _call;
        _call = call;
        if (Worker is QueueWorker worker)
        {
            worker.Call = call;
        }

        old?.Dispose();
    }

    /// <summary>Replaces what is rung when the ring broke. The worker must not run.</summary>
    public void SetError(Doorbell? error)
    {
        _error?.Dispose();
        _error = error;
    }

    /// <summary>Serves the ring from where it stands.</summary>
    /// <returns>False where the ring is not in the memory that the front end has granted.</returns>
    /// <exception cref="VhostUserProtocolException">The device refuses the ring, or its position cannot be.</exception>
    public bool TryServe(VhostUserRingContext context, Action<QueueWorker> onBroken)
    {
        if (!TryLocate(context.Memory, context.IsPacked, out MemorySegment descriptors, out MemorySegment driver, out MemorySegment device))
        {
            return false;
        }

        VhostUserVringAddress address = Address!.Value;
        bool logsUsed = context.DirtyLog is not null && (address.Flags & VhostUserVringAddress.LogFlag) != 0;
        ulong lastLogged = address.Log + (ulong)(device.Length - 1);
        if (logsUsed && (lastLogged < address.Log || !context.DirtyLog!.Covers(lastLogged)))
        {
            throw new VhostUserProtocolException($"queue {Index} logs its used ring at 0x{address.Log:x} to 0x{lastLogged:x}, beyond the end of the log");
        }

        QueueSetup setup = new()
        {
            Index = Index,
            Size = Size,
            Features = context.Features,
            Memory = context.Memory,
            DescriptorArea = descriptors,
            DriverArea = driver,
            DeviceArea = device,
            Position = _position ?? VhostUserVringBase.Decode(Base, Index, Size, context.IsPacked, device),
            Kick = _kick,
            Call = _call,
            Error = _error,
            Inflight = context.Inflight?.Slice(Index, Size, context.IsPacked),
            DirtyLog = context.DirtyLog,
            UsedRingLogAddress = logsUsed ? address.Log : null,
            Host = context.Host,
        };
        try
        {
            Worker = context.Device.CreateWorker(setup);
        }
        catch (ArgumentException e)
        {
            throw new VhostUserProtocolException($"queue {Index} cannot be served: {e.Message}", e);
        }

        Worker.Broken += onBroken;
        Worker.Start();

        // What was given back before may have been notified to nobody: to a call that was not there yet, or by one of us that crashed.
        _call?.Ring();
        return true;
    }

    /// <summary>Stops serving, to go on with changed circumstances.</summary>
    public void Suspend()
    {
        if (Worker is QueueWorker worker)
        {
            _position = worker.Stop();
            _broken |= worker.Fault != RingFault.None;
            Worker = null;
            worker.Dispose();
        }
    }

    /// <summary>Stops the ring: what drives it is forgotten, its description and position stay (GET_VRING_BASE).</summary>
    public void Stop(bool packed)
    {
        Suspend();
        Base = _position is RingPosition position ? VhostUserVringBase.Encode(position, packed) : Base;
        _position = null;
        SetCall(null);
        SetKick(null);
        Started = false;
        _broken = false;
    }

    /// <summary>Returns to the state at the connection's start, but for the error doorbell: front ends set it once.</summary>
    public void Reset()
    {
        StopAndForget(packed: false);
        SetBase(0);
    }

    /// <summary>Stops the ring and forgets its description, but not where it stands.</summary>
    public void StopAndForget(bool packed)
    {
        Stop(packed);
        Size = 0;
        Address = null;
        Enabled = false;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Reset();
        SetError(null);
    }

    private bool TryLocate(GuestMemory memory, bool packed, out MemorySegment descriptors, out MemorySegment driver, out MemorySegment device)
    {
        VhostUserVringAddress address = Address!.Value;
        driver = default;
        device = default;
        return memory.TryTranslateUser(address.Descriptor, 16 * Size, out descriptors)
            && memory.TryTranslateUser(address.Available, packed ? 4 : 6 + (2 * Size), out driver)
            && memory.TryTranslateUser(address.Used, packed ? 4 : 6 + (8 * Size), out device);
    }
}
