using Makatea.Platform;

namespace Makatea.Virtio.Tests;

/// <summary>
/// A disk in memory whose completions can be held back, to look at what is in flight. Counts what it did.
/// </summary>
internal sealed class TestDisk : BlockDevice
{
    private readonly byte[] _bytes;
    private readonly List<TestDiskQueue> _queues = [];
    private BlockDeviceInfo _info;
    private int _executed;
    private int _sleeps;

    public TestDisk(int length)
    {
        _bytes = new byte[length];
        _info = new BlockDeviceInfo { SectorCount = (ulong)length / SectorSize, HasVolatileCache = true, SupportsWriteZeroes = true };
    }

    public override BlockDeviceInfo Info => _info;

    /// <summary>Requests wait until this is false again.</summary>
    public bool IsHeld { get; private set; }

    /// <summary>Requests done.</summary>
    public int Executed => Volatile.Read(ref _executed);

    /// <summary>Requests that wait.</summary>
    public int Waiting
    {
        get
        {
            lock (_queues)
            {
                return _queues.Sum(q => q.Waiting);
            }
        }
    }

    /// <summary>Times that a queue went to sleep, or was about to.</summary>
    public int Sleeps => Volatile.Read(ref _sleeps);

    public Span<byte> Bytes => _bytes;

    public void Hold() => IsHeld = true;

    public void Release()
    {
        lock (_queues)
        {
            IsHeld = false;
            _queues.ForEach(q => q.Wake());
        }
    }

    public void Resize(ulong sectors)
    {
        _info = _info with { SectorCount = sectors };
        OnInfoChanged();
    }

    public override BlockQueue OpenQueue(int depth, Doorbell? completions = null)
    {
        lock (_queues)
        {
            TestDiskQueue queue = new(this);
            _queues.Add(queue);
            return queue;
        }
    }

    internal BlockStatus Execute(in BlockRequest request)
    {
        Interlocked.Increment(ref _executed);
        if (request.Sector + request.SectorCount > _info.SectorCount)
        {
            return BlockStatus.IoError;
        }

        int offset = (int)request.Sector * SectorSize;
        foreach (MemorySegment segment in request.Data.AsSpan())
        {
            Span<byte> stored = _bytes.AsSpan(offset, segment.Length);
            if (request.Operation == BlockOperation.Write)
            {
                segment.AsSpan().CopyTo(stored);
            }
            else
            {
                stored.CopyTo(segment.AsSpan());
            }

            offset += segment.Length;
        }

        return BlockStatus.Ok;
    }

    internal void Remove(TestDiskQueue queue)
    {
        lock (_queues)
        {
            _queues.Remove(queue);
        }
    }

    protected override void Dispose(bool disposing)
    {
    }

    internal sealed class TestDiskQueue(TestDisk disk) : BlockQueue
    {
        private readonly Queue<BlockRequest> _waiting = [];
        private readonly Doorbell _completions = TestHosts.Linux.CreateDoorbell();

        public override Doorbell? Completions => _completions;

        public int Waiting
        {
            get
            {
                lock (_waiting)
                {
                    return _waiting.Count;
                }
            }
        }

        public override void Submit(ReadOnlySpan<BlockRequest> requests)
        {
            lock (_waiting)
            {
                foreach (BlockRequest request in requests)
                {
                    _waiting.Enqueue(request);
                }
            }
        }

        public override int Poll(Span<BlockCompletion> completions)
        {
            int count = 0;
            lock (_waiting)
            {
                while (!disk.IsHeld && count < completions.Length && _waiting.TryDequeue(out BlockRequest request))
                {
                    completions[count++] = new BlockCompletion(request.Tag, disk.Execute(request));
                }
            }

            return count;
        }

        public override long Arm()
        {
            Interlocked.Increment(ref disk._sleeps);
            lock (_waiting)
            {
                return _waiting.Count == 0 || disk.IsHeld ? DoorbellWaiter.Forever : Ready;
            }
        }

        public void Wake() => _completions.Ring();

        protected override void Dispose(bool disposing)
        {
            disk.Remove(this);
            _completions.Dispose();
        }
    }
}
