using Makatea.Platform;

namespace Makatea.Domains.Storage;

/// <summary>Reads and writes a device one request at a time and waits for each; for what is done at start and end.</summary>
internal sealed class SynchronousQueue : IDisposable
{
    private const int MaxTransfer = 64 * 1024;

    private readonly BlockQueue _queue;
    private readonly DoorbellWaiter? _waiter;
    private readonly NativeArray<byte> _buffer;
    private readonly NativeArray<MemorySegment> _segment = new(1);
    private readonly BlockRequest[] _request = new BlockRequest[1];
    private readonly BlockCompletion[] _completion = new BlockCompletion[1];

    /// <summary>Opens a queue of <paramref name="device"/>, which is given up with this and not disposed.</summary>
    public SynchronousQueue(BlockDevice device, ComponentHost host)
    {
        _buffer = new NativeArray<byte>(MaxTransfer);
        _queue = device.OpenQueue(1);
        if (_queue.Completions is { } doorbell)
        {
            _waiter = host.CreateWaiter();
            _waiter.Add(doorbell, 0);
        }
    }

    /// <summary>Reads whole blocks.</summary>
    /// <exception cref="IOException">The device failed.</exception>
    public void Read(ulong sector, Span<byte> data)
    {
        for (int done = 0; done < data.Length; done += MaxTransfer)
        {
            Span<byte> part = data[done..Math.Min(data.Length, done + MaxTransfer)];
            Execute(BlockOperation.Read, sector + (uint)(done / BlockDevice.SectorSize), part.Length);
            _buffer.AsSpan(0, part.Length).CopyTo(part);
        }
    }

    /// <summary>Writes whole blocks.</summary>
    /// <exception cref="IOException">The device failed.</exception>
    public void Write(ulong sector, ReadOnlySpan<byte> data)
    {
        for (int done = 0; done < data.Length; done += MaxTransfer)
        {
            ReadOnlySpan<byte> part = data[done..Math.Min(data.Length, done + MaxTransfer)];
            part.CopyTo(_buffer.AsSpan());
            Execute(BlockOperation.Write, sector + (uint)(done / BlockDevice.SectorSize), part.Length);
        }
    }

    /// <summary>Makes durable what was written.</summary>
    /// <exception cref="IOException">The device failed.</exception>
    public void Flush() => Execute(BlockOperation.Flush, 0, 0);

    public void Dispose()
    {
        _queue.Dispose();
        _waiter?.Dispose();
        _buffer.Dispose();
        _segment.Dispose();
    }

    private void Execute(BlockOperation operation, ulong sector, int length)
    {
        _segment[0] = _buffer.AsSegment(0, length);
        _request[0] = new BlockRequest
        {
            Operation = operation,
            Sector = sector,
            SectorCount = (uint)(length / BlockDevice.SectorSize),
            Data = ScatterList.Of(_segment, 0, length == 0 ? 0 : 1),
        };
        _queue.Submit(_request);
        while (_queue.Poll(_completion) == 0)
        {
            Wait(_queue.Arm());
        }

        if (_completion[0].Status != BlockStatus.Ok)
        {
            throw new IOException($"{operation} of {length} bytes at sector {sector} ended with {_completion[0].Status}");
        }
    }

    private void Wait(long deadline)
    {
        if (deadline == BlockQueue.Ready)
        {
            return;
        }

        if (_waiter is not null)
        {
            _waiter.Wait(deadline);
            return;
        }

        TimeSpan left = TimeProvider.System.GetElapsedTime(TimeProvider.System.GetTimestamp(), deadline);
        Thread.Sleep(left > TimeSpan.Zero ? left : TimeSpan.Zero);
    }
}
