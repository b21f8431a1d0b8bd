using System.Text;
using Makatea.Platform;

namespace Makatea.Virtio.Testing;

/// <summary>
/// A virtio-blk driver over vhost-user, for tests and benchmarks: it plays a virtual machine monitor and its guest at once. Guest memory and rings
/// outlive the connection, so that a back end that died is followed by another (<see cref="Reconnect"/>).
/// </summary>
public sealed class VirtioBlkDriver : IDisposable
{
    /// <summary>Configuration space as far as every device of today has it: up to write_zeroes_may_unmap.</summary>
    private const int ConfigLength = 60;

    private readonly ComponentHost _host;
    private readonly VirtioBlkDriverOptions _options;
    private readonly BlkDriverQueue[] _queues;
    private readonly GuestBuffer _scratch;
    private InflightRegion? _inflight;

    /// <summary>Negotiates with the back end on <paramref name="channel"/> and starts all queues.</summary>
    /// <exception cref="VhostUserException">The back end refused something.</exception>
    public VirtioBlkDriver(MessageChannel channel, ComponentHost host, VirtioBlkDriverOptions options)
    {
        _host = host.For(channel);
        _options = options;
        Frontend = new VhostUserFrontend(channel, host);
        Arena = new GuestArena(_host, [.. options.Memory]);
        ulong features = Frontend.Negotiate(options.Features, options.ProtocolFeatures);
        Config = ReadConfig();
        _queues = [.. Enumerable.Range(0, options.QueueCount).Select(i => CreateQueue(i, features))];
        _scratch = Arena.Allocate(options.Scratch, 4096);
        Start(features);
    }

    /// <summary>The connection.</summary>
    public VhostUserFrontend Frontend { get; private set; }

    /// <summary>The guest's memory.</summary>
    public GuestArena Arena { get; }

    /// <summary>Configuration space as read at start.</summary>
    public BlkConfig Config { get; private set; }

    /// <summary>Features negotiated.</summary>
    public ulong Features => Frontend.Features;

    /// <summary>Where the back end keeps what is in flight, if it does.</summary>
    public InflightRegion? Inflight => _inflight;

    /// <summary>The queues.</summary>
    public IReadOnlyList<BlkDriverQueue> Queues => _queues;

    /// <summary>Reads configuration space now.</summary>
    public BlkConfig ReadConfig()
    {
        byte[] bytes = new byte[BlkConfig.Length];
        if ((Frontend.ProtocolFeatures & VhostUserProtocolFeatures.Config) != 0)
        {
            Frontend.GetConfig(0, bytes.AsSpan(0, (Frontend.GetFeatures() & BlkFeatures.SecureErase) != 0 ? BlkConfig.Length : ConfigLength));
        }

        return new BlkConfig(bytes);
    }

    /// <summary>
    /// Goes on with another back end after the connection was lost: the same memory, rings and features, and what was in flight is resubmitted
    /// by the back end.
    /// </summary>
    /// <exception cref="VhostUserException">The back end refused something, or offers less than the one before.</exception>
    public void Reconnect(MessageChannel channel)
    {
        ulong features = Features;
        Frontend.Dispose();
        Frontend = new VhostUserFrontend(channel, _host);
        ulong offered = Frontend.Negotiate(features, _options.ProtocolFeatures);
        if (offered != features)
        {
            throw new VhostUserException($"features 0x{features:x} were negotiated before, the new back end takes 0x{offered:x} of them");
        }

        Start(features);
        foreach (BlkDriverQueue queue in _queues)
        {
            // The kick that the old back end did not live to see.
            queue.Kick.Ring();
        }
    }

    /// <summary>Stops all queues, each when what it has is finished.</summary>
    /// <returns>Where the back end stands in each.</returns>
    public RingPosition[] Stop() => [.. _queues.Select(q => Frontend.GetVringBase(q.Index))];

    /// <summary>Starts queues again that <see cref="Stop"/> stopped.</summary>
    public void Resume(IReadOnlyList<RingPosition> positions)
    {
        foreach (BlkDriverQueue queue in _queues)
        {
            StartQueue(queue, positions[queue.Index]);
        }
    }

    /// <summary>Reads sectors.</summary>
    public BlkStatus Read(ulong sector, Span<byte> destination, int queue = 0)
    {
        GuestBuffer buffer = _scratch.Slice(0, destination.Length);
        BlkStatus status = Execute(BlkRequestType.Read, sector, buffer, queue);
        buffer.AsSpan().CopyTo(destination);
        return status;
    }

    /// <summary>Writes sectors.</summary>
    public BlkStatus Write(ulong sector, ReadOnlySpan<byte> source, int queue = 0)
    {
        GuestBuffer buffer = _scratch.Slice(0, source.Length);
        source.CopyTo(buffer.AsSpan());
        return Execute(BlkRequestType.Write, sector, buffer, queue);
    }

    /// <summary>Makes what was written durable.</summary>
    public BlkStatus Flush(int queue = 0) => Execute(BlkRequestType.Flush, 0, _scratch.Slice(0, 0), queue);

    /// <summary>Gives sectors up.</summary>
    public BlkStatus Discard(ulong sector, uint count, int queue = 0) => ExecuteRange(BlkRequestType.Discard, sector, count, 0, queue);

    /// <summary>Zeroes sectors.</summary>
    public BlkStatus WriteZeroes(ulong sector, uint count, bool unmap, int queue = 0) =>
        ExecuteRange(BlkRequestType.WriteZeroes, sector, count, unmap ? 1u : 0, queue);

    /// <summary>Erases sectors.</summary>
    public BlkStatus SecureErase(ulong sector, uint count, int queue = 0) => ExecuteRange(BlkRequestType.SecureErase, sector, count, 0, queue);

    /// <summary>The device's ID string.</summary>
    public BlkStatus GetId(out string id, int queue = 0)
    {
        GuestBuffer buffer = _scratch.Slice(0, 20);
        BlkStatus status = Execute(BlkRequestType.GetId, 0, buffer, queue);
        id = Encoding.ASCII.GetString(buffer.AsSpan()).TrimEnd('\0');
        return status;
    }

    /// <summary>Does one request with data in one piece of guest memory, and waits for its end.</summary>
    /// <exception cref="TimeoutException">It did not end in time.</exception>
    public BlkStatus Execute(BlkRequestType type, ulong sector, GuestBuffer data, int queue = 0)
    {
        ReadOnlySpan<GuestSegment> segments = data.Length == 0 ? [] : [data.AsElement()];
        return Execute(type, sector, segments, queue).Status;
    }

    /// <summary>Does one request with data in any pieces, and waits for its end.</summary>
    /// <exception cref="TimeoutException">It did not end in time.</exception>
    public BlkResult Execute(BlkRequestType type, ulong sector, ReadOnlySpan<GuestSegment> data, int queue = 0)
    {
        BlkDriverQueue target = _queues[queue];
        if (!target.Submit(type, sector, data, 0))
        {
            throw new InvalidOperationException($"queue {queue} is full");
        }

        Span<BlkResult> results = stackalloc BlkResult[1];
        target.Wait(results, _options.Timeout);
        return results[0];
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Frontend.Dispose();
        _inflight?.Dispose();
        foreach (BlkDriverQueue queue in _queues)
        {
            queue.Dispose();
        }

        Arena.Dispose();
    }

    private BlkStatus ExecuteRange(BlkRequestType type, ulong sector, uint count, uint flags, int queue)
    {
        // struct virtio_blk_discard_write_zeroes { le64 sector; le32 num_sectors; le32 flags; }.
        GuestBuffer range = _scratch.Slice(0, 16);
        SharedMemory fields = range.AsShared();
        fields.ReleaseUInt64(0, sector);
        fields.ReleaseUInt32(8, count);
        fields.ReleaseUInt32(12, flags);
        return Execute(type, 0, range, queue);
    }

    private BlkDriverQueue CreateQueue(int index, ulong features)
    {
        int indirect = (features & VirtioFeatures.IndirectDescriptors) != 0 ? _options.MaxIndirectSegments : 0;
        DriverRingSetup setup = DriverRingSetup.Allocate(Arena, _options.QueueSize, features, indirect);
        return setup.Areas.IsPacked
            ? new BlkDriverQueueOf<PackedDriverRing>(index, setup, Arena, _host) { UsesCalls = _options.UseCalls }
            : new BlkDriverQueueOf<SplitDriverRing>(index, setup, Arena, _host) { UsesCalls = _options.UseCalls };
    }

    private void Start(ulong features)
    {
        Frontend.SetFeatures(features);
        Frontend.ShareMemory(Arena);
        if ((Frontend.ProtocolFeatures & VhostUserProtocolFeatures.InflightSharedMemory) != 0)
        {
            _inflight ??= Frontend.GetInflight((ushort)_queues.Length, _options.QueueSize);
            Frontend.SetInflight(_inflight);
        }

        foreach (BlkDriverQueue queue in _queues)
        {
            // The driver's own account of what was used is all there is; with in-flight tracking the back end knows better.
            RingPosition position = queue.Position;
            StartQueue(queue, position with { Available = position.Used, AvailableWrap = position.UsedWrap });
        }

        if ((Frontend.ProtocolFeatures & VhostUserProtocolFeatures.Status) != 0)
        {
            // ACKNOWLEDGE, DRIVER, DRIVER_OK and FEATURES_OK ([VIRTIO-1.3] 2.1).
            Frontend.SetStatus(0xf);
        }
    }

    private void StartQueue(BlkDriverQueue queue, RingPosition position)
    {
        if (!_options.UseCalls)
        {
            queue.DisableCallbacks();
        }

        // There is a doorbell even where nobody waits for it: libvhost-user takes descriptor 0 for one that was not sent.
        Frontend.StartVring(queue.Index, queue.Setup.Areas, position, queue.Kick, queue.Call, queue.Error);
    }
}
