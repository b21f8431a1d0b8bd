using System.Reflection;
using Makatea.Platform;

namespace Makatea.Virtio.Tests;

/// <summary>A device whose workers serve nothing and tell everything. Configuration space is 60 bytes of 1, 2, 3 ...; the byte at 32 can be written.</summary>
internal sealed class FakeDevice(int queues = 2) : VirtioDevice
{
    private readonly List<FakeWorker> _workers = [];

    public const int WritableByte = 32;

    public byte[] Config { get; } = [.. Enumerable.Range(1, 60).Select(i => (byte)i)];

    public int Resets { get; private set; }

    /// <summary>Makes every worker refuse its setup.</summary>
    public string? Refusal { get; set; }

    /// <summary>Thrown when configuration space is read.</summary>
    public Exception? Thrown { get; set; }

    /// <summary>Memory that the transport offered and did not take back.</summary>
    public List<MappedMemory> Memory { get; } = [];

    /// <summary>Thrown when memory is offered.</summary>
    public IOException? MemoryRefusal { get; set; }

    /// <summary>Where workers stand when they stop; null for where they started.</summary>
    public RingPosition? StopsAt { get; set; }

    /// <summary>Somebody still wants to hear of changes.</summary>
    public bool HasListeners =>
        typeof(VirtioDevice).GetField(nameof(ConfigChanged), BindingFlags.Instance | BindingFlags.NonPublic)!.GetValue(this) is not null;

    public IReadOnlyList<FakeWorker> Workers
    {
        get
        {
            lock (_workers)
            {
                return [.. _workers];
            }
        }
    }

    public string DeviceName { get; init; } = "fake";

    public override string Name => DeviceName;

    public override uint DeviceId => 42;

    public override int QueueCount => queues;

    public override ushort MaxQueueSize => 256;

    public override ulong Features => VirtioFeatures.Rings | 1;

    public override int ConfigLength => Config.Length;

    public FakeWorker? Running(int queue) => Workers.SingleOrDefault(w => w.Setup.Index == queue && w.IsRunning);

    public override void ReadConfig(int offset, Span<byte> destination)
    {
        if (Thrown is not null)
        {
            throw Thrown;
        }

        destination.Clear();
        if (offset < Config.Length)
        {
            Config.AsSpan(offset, Math.Min(destination.Length, Config.Length - offset)).CopyTo(destination);
        }
    }

    public override bool WriteConfig(int offset, ReadOnlySpan<byte> source, ulong negotiatedFeatures)
    {
        if (offset != WritableByte || source.Length != 1)
        {
            return false;
        }

        Config[offset] = source[0];
        return true;
    }

    public override void AddMemory(MappedMemory memory)
    {
        Assert.DoesNotContain(Workers, w => w.IsRunning);
        _ = memory.Address;
        if (MemoryRefusal is not null)
        {
            throw MemoryRefusal;
        }

        Memory.Add(memory);
    }

    public override void RemoveMemory(MappedMemory memory)
    {
        Assert.DoesNotContain(Workers, w => w.IsRunning);
        _ = memory.Address;
        Assert.True(Memory.Remove(memory));
    }

    public override QueueWorker CreateWorker(QueueSetup setup)
    {
        if (Refusal is not null)
        {
            throw new ArgumentException(Refusal);
        }

        FakeWorker worker = new(setup, StopsAt);
        lock (_workers)
        {
            _workers.Add(worker);
        }

        return worker;
    }

    public override void Reset()
    {
        Assert.DoesNotContain(Workers, w => w.IsRunning);
        Resets++;
    }

    public void ChangeConfig() => OnConfigChanged();

    protected override void Dispose(bool disposing)
    {
    }
}

/// <summary>Records what the transport does with a worker.</summary>
internal sealed class FakeWorker(QueueSetup setup, RingPosition? stopsAt) : QueueWorker
{
    private RingFault _fault;

    public QueueSetup Setup { get; } = setup;

    public bool IsRunning { get; private set; }

    public bool IsDisposed { get; private set; }

    public override RingFault Fault => _fault;

    public override Doorbell? Call { get; set; } = setup.Call;

    public override void Start()
    {
        Assert.False(IsRunning || IsDisposed);
        IsRunning = true;
    }

    public override RingPosition Stop()
    {
        IsRunning = false;
        return stopsAt ?? Setup.Position;
    }

    public override void Dispose()
    {
        Assert.False(IsRunning);

        // Whatever the setup refers to must still be there.
        foreach (GuestMemoryRegion region in Setup.Memory.Regions)
        {
            _ = region.Memory.Address;
        }

        Assert.False(Setup.Kick is FakeDoorbell { IsDisposed: true });
        Assert.False(Call is FakeDoorbell { IsDisposed: true });
        Assert.False(Setup.Error is FakeDoorbell { IsDisposed: true });
        IsDisposed = true;
    }

    public void Break(RingFault fault)
    {
        _fault = fault;
        OnBroken();
    }
}
