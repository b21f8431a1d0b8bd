using Makatea.Platform;

namespace Makatea.Drivers.E1000;

/// <summary>What the control path does with the ring: start, stop, see whether it moves, count.</summary>
internal sealed partial class TransmitRing<TChip>
{
    private ulong _frames;
    private ulong _totalBytes;
    private ulong _errors;
    private ulong _copied;
    private uint _watched;
    private bool _wasWaiting;

    /// <summary>Grows with each tag that is given back.</summary>
    public uint Position => _reclaimed;

    /// <summary>There are tags to be given back.</summary>
    public bool HasWork => _done != _reclaimed || (_reportHead != _reportTail && IsThere(_reports[(int)_reportHead & _frameMask].Descriptor));

    /// <summary>
    /// Something is with the controller that was there the last time already. For the thread that watches, while the queue's own is at work.
    /// </summary>
    public bool IsStuck()
    {
        uint head = Volatile.Read(ref _reportHead);
        bool isWaiting = head != Volatile.Read(ref _reportTail) && !IsThere(_reports[(int)head & _frameMask].Descriptor);
        bool isStuck = isWaiting && _wasWaiting && head == _watched;
        _watched = head;
        _wasWaiting = isWaiting;
        return isStuck;
    }

    /// <summary>Tells a controller that was reset of the ring, empty.</summary>
    public void Start()
    {
        DropAll();
        _ring.Segment.AsSpan().Clear();
        _tail = 0;
        _clean = 0;
        RingRegisters.Set(_registers, _memory.Iova, (uint)_size * TransmitDescriptor.Length);
    }

    /// <summary>Takes the ring from a controller that stopped.</summary>
    public void Stop() => RingRegisters.Clear(_registers);

    /// <summary>Drops what a controller has that stopped: the tags are to be given back.</summary>
    public void DropAll()
    {
        TakeReports();
        while (_reportHead != _reportTail)
        {
            ref TransmitReport report = ref _reports[(int)_reportHead & _frameMask];
            _done = report.Frames;
            _clean = report.Descriptors;
            _copies.GiveBack(report.Copies);
            _errors += report.Sent;
            Volatile.Write(ref _reportHead, _reportHead + 1);
        }

        (_context, _contextSecond) = default((ulong, ulong));
        _afterSegmentation = false;
        _wasWaiting = false;
    }

    /// <summary>What was counted. The numbers are each right, but not of one moment.</summary>
    public NetStatistics ReadStatistics() => new()
    {
        TransmittedFrames = Volatile.Read(ref _frames),
        TransmittedBytes = Volatile.Read(ref _totalBytes),
        TransmitErrors = Volatile.Read(ref _errors),
        CopiedFrames = Volatile.Read(ref _copied),
    };

    public void Dispose()
    {
        _memory.Dispose();
        _copies.Dispose();
        _tags.Dispose();
        _reports.Dispose();
    }
}
