using Makatea.Platform;

namespace Makatea.BlockContract;

/// <summary>Random requests on one queue, in batches, checked against a model that several queues may share.</summary>
public sealed class RandomLoad(BlockDevice device, QueueDriver driver, DiskModel model, int seed)
{
    private static readonly BlockOperation[] Operations =
    [
        BlockOperation.Read, BlockOperation.Read, BlockOperation.Read, BlockOperation.Write, BlockOperation.Write, BlockOperation.Write,
        BlockOperation.Flush, BlockOperation.Discard, BlockOperation.WriteZeroes, BlockOperation.WriteZeroesUnmap,
    ];

    private readonly Random _random = new(seed);
    private readonly BlockDeviceInfo _info = device.Info;
    private readonly int _blockSectors = device.Info.BlockSize / BlockDevice.SectorSize;

    /// <summary>Contents are not compared: the device stores nothing.</summary>
    public bool StoresNothing { get; init; }

    /// <summary>Requests may end with <see cref="BlockStatus.IoError"/>.</summary>
    public bool MayFail { get; init; }

    /// <summary>How many requests failed.</summary>
    public int Failures { get; private set; }

    /// <summary>Submits a batch of up to 8 requests, as far as tags and free sectors go.</summary>
    public void SubmitBatch()
    {
        var batch = new List<BlockRequest>();
        int size = _random.Next(1, 9);
        while (batch.Count < size && driver.Outstanding + batch.Count < driver.Depth)
        {
            int tag = FreeTag(batch);
            if (Make(tag) is { } request)
            {
                batch.Add(request);
            }
            else
            {
                break;
            }
        }

        driver.Submit(batch.ToArray());
    }

    /// <summary>Takes up to <paramref name="max"/> completions and checks them.</summary>
    public int Reap(int max)
    {
        var completions = new BlockCompletion[max];
        int count = driver.Poll(completions);
        foreach (BlockCompletion completion in completions.AsSpan(0, count))
        {
            Complete(completion);
        }

        return count;
    }

    /// <summary>Submits until done, sleeping when the queue is full or nothing fits, then waits for everything.</summary>
    public void Run(int batches)
    {
        for (int i = 0; i < batches; i++)
        {
            SubmitBatch();
            if (Reap(_random.Next(1, 17)) == 0 && driver.Outstanding == driver.Depth)
            {
                driver.Wait();
            }
        }

        driver.Drain(Complete);
    }

    public void Complete(BlockCompletion completion)
    {
        BlockRequest request = driver.RequestOf(completion.Tag);
        int sector = (int)request.Sector;
        int count = (int)request.SectorCount;
        bool failed = completion.Status == BlockStatus.IoError;
        if (_info.IsReadOnly && Writes(request.Operation))
        {
            Assert.Equal(BlockStatus.IoError, completion.Status);
        }
        else if (failed && MayFail)
        {
            Failures++;
            if (Writes(request.Operation))
            {
                model.Forget(sector, count);
            }
        }
        else
        {
            Assert.Equal(Expected(request.Operation), completion.Status);
            Apply(completion, request, sector, count);
        }

        model.EndUse(sector, count);
    }

    private static bool Writes(BlockOperation operation) => operation is not (BlockOperation.Read or BlockOperation.Flush);

    private void Apply(BlockCompletion completion, BlockRequest request, int sector, int count)
    {
        switch (request.Operation)
        {
            case BlockOperation.Read when !StoresNothing:
                model.Check(sector, driver.GetData(completion.Tag));
                break;
            case BlockOperation.Write:
                model.Write(sector, driver.GetData(completion.Tag));
                break;
            case BlockOperation.Discard when completion.Status == BlockStatus.Ok:
                model.Forget(sector, count);
                break;
            case BlockOperation.WriteZeroes or BlockOperation.WriteZeroesUnmap when completion.Status == BlockStatus.Ok:
                model.Zero(sector, count);
                break;
        }
    }

    private BlockStatus Expected(BlockOperation operation) => operation switch
    {
        BlockOperation.Discard when _info.DiscardGranularity == 0 => BlockStatus.Unsupported,
        BlockOperation.WriteZeroes or BlockOperation.WriteZeroesUnmap when !_info.SupportsWriteZeroes => BlockStatus.Unsupported,
        BlockOperation.SecureErase when !_info.SupportsSecureErase => BlockStatus.Unsupported,
        _ => BlockStatus.Ok,
    };

    private int FreeTag(List<BlockRequest> batch)
    {
        for (int tag = 0; tag < driver.Depth; tag++)
        {
            if (driver.IsFree(tag) && !batch.Exists(r => r.Tag == tag))
            {
                return tag;
            }
        }

        throw new InvalidOperationException("no tag is free");
    }

    private BlockRequest? Make(int tag)
    {
        BlockOperation operation = Operations[_random.Next(Operations.Length)];
        if (operation == BlockOperation.Flush)
        {
            return driver.Prepare(tag, operation, 0, 0);
        }

        // Half of the requests crowd into a few blocks, so that neighbours in one larger unit are in flight together.
        int blocks = model.Sectors / _blockSectors;
        int most = Math.Min(blocks, QueueDriver.MaxBytes / _info.BlockSize);
        int count = _random.Next(3) == 0 ? _random.Next(1, most + 1) : _random.Next(1, Math.Min(most, 9) + 1);
        int first = _random.Next(2) == 0 ? _random.Next(0, blocks - count + 1) : _random.Next(0, Math.Min(64, blocks - count + 1));
        if (!model.TryUse(first * _blockSectors, count * _blockSectors, Writes(operation)))
        {
            return null;
        }

        BlockRequest request = driver.Prepare(tag, operation, (ulong)(first * _blockSectors), (uint)(count * _blockSectors), _random);
        if (operation == BlockOperation.Write)
        {
            byte[] data = new byte[count * _info.BlockSize];
            _random.NextBytes(data);
            driver.SetData(tag, data);
        }

        return request;
    }
}
