using Makatea.Platform;
using Makatea.Virtio;
using Makatea.Virtio.Testing;

namespace Makatea.Sel4.Programs;

/// <summary>
/// A guest's disk: requests by virtio-blk, several at a time. A storage domain that dies is followed by the next: what it had not finished, that one does once more, and nobody above notices but by the time.
/// </summary>
internal sealed class GuestDisk : IDisposable
{
    /// <summary>Bytes of a block.</summary>
    public const int BlockSize = 4096;

    /// <summary>Most requests at a time.</summary>
    public const int Depth = 16;

    private const ushort QueueSize = 64;
    private const int Sectors = BlockSize / BlockDevice.SectorSize;
    private const ulong GuestAddress = 0x1000_0000;
    private static readonly TimeSpan _lookInterval = TimeSpan.FromMilliseconds(200);

    private readonly Func<MessageChannel> _connect;
    private readonly Func<MessageChannel, bool> _isEnded;
    private readonly TimeSpan _patience;
    private readonly Action<string> _tell;
    private readonly VirtioBlkDriver _driver;
    private readonly BlkDriverQueue _queue;
    private readonly BlkResult[] _results = new BlkResult[Depth];
    private MessageChannel _channel;

    /// <summary>Connects.</summary>
    /// <param name="host">Where this runs.</param>
    /// <param name="connect">Opens a channel to the domain, and waits for one to serve it.</param>
    /// <param name="isEnded">Whether the domain at a channel's other end is gone.</param>
    /// <param name="memory">Bytes of guest memory.</param>
    /// <param name="patience">How long a request may take, deaths included.</param>
    /// <param name="tell">Told of domains that come and go.</param>
    public GuestDisk(ComponentHost host, Func<MessageChannel> connect, Func<MessageChannel, bool> isEnded, ulong memory, TimeSpan patience, Action<string> tell)
    {
        _connect = connect;
        _isEnded = isEnded;
        _patience = patience;
        _tell = tell;
        _channel = connect();
        _driver = new VirtioBlkDriver(_channel, host, new VirtioBlkDriverOptions
        {
            QueueSize = QueueSize,
            Memory = [new GuestRange(GuestAddress, memory)],
            Scratch = BlockSize,

            // Its channel is one of the system's, and there is no second for the domain's own messages, which are of a disk that changes its size.
            ProtocolFeatures = VhostUserProtocolFeatures.Offered & ~VhostUserProtocolFeatures.BackendRequest,
        });
        _queue = _driver.Queues[0];
        for (int i = 0; i < Depth; i++)
        {
            Buffers[i] = _driver.Arena.Allocate(BlockSize, BlockSize);
        }
    }

    /// <summary>A block's memory for each request that is under way at a time.</summary>
    public GuestBuffer[] Buffers { get; } = new GuestBuffer[Depth];

    /// <summary>Blocks of the disk.</summary>
    public long Blocks => (long)(_driver.Config.Capacity / Sectors);

    /// <summary>Domains that died and were followed by another.</summary>
    public int Deaths { get; private set; }

    /// <summary>Requests that ended.</summary>
    public long Requests { get; private set; }

    /// <summary>Starts a request on a block, with the memory of a slot.</summary>
    public void Submit(BlkRequestType type, long block, int slot)
    {
        if (_queue.Submit([new BlkRequest(type, (ulong)block * Sectors, Buffers[slot].AsElement(), (uint)slot)]) != 1)
        {
            throw new InvalidOperationException("the queue is full");
        }
    }

    /// <summary>Waits for requests that ended.</summary>
    /// <returns>What ended.</returns>
    /// <exception cref="InvalidDataException">One failed.</exception>
    /// <exception cref="TimeoutException">None ended, and no other domain came.</exception>
    public ReadOnlySpan<BlkResult> Wait()
    {
        long started = TimeProvider.System.GetTimestamp();
        while (true)
        {
            try
            {
                ReadOnlySpan<BlkResult> ended = _results.AsSpan(0, _queue.Wait(_results, _lookInterval));
                foreach (BlkResult result in ended)
                {
                    if (result.Status != BlkStatus.Ok)
                    {
                        throw new InvalidDataException($"a request ended with {result.Status}");
                    }
                }

                Requests += ended.Length;
                return ended;
            }
            catch (TimeoutException) when (TimeProvider.System.GetElapsedTime(started) < _patience)
            {
                if (_isEnded(_channel))
                {
                    Follow();
                }
            }
        }
    }

    /// <summary>Makes what was written durable.</summary>
    public void Flush()
    {
        if (!_queue.Submit(BlkRequestType.Flush, 0, [], 0))
        {
            throw new InvalidOperationException("the queue is full");
        }

        Wait();
    }

    /// <inheritdoc/>
    public void Dispose() => _driver.Dispose();

    private void Follow()
    {
        Deaths++;
        _tell($"the storage domain is gone, with {_queue.Outstanding} requests of ours");
        try
        {
            _channel = _connect();
            _driver.Reconnect(_channel);
            _tell("another serves the disk");
        }
        catch (Exception e) when (e is IOException or VhostUserException)
        {
            _tell($"that one is gone as well: {e.Message}");
        }
    }
}
