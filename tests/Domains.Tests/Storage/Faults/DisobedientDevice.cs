using Makatea.Platform;

namespace Makatea.Domains.Storage.Tests;

/// <summary>The promises of a queue that a <see cref="DisobedientDevice"/> breaks, one at a time and not always.</summary>
public enum Promise
{
    /// <summary>None.</summary>
    None,
    OnceOnly,
    NeverTwice,
    KnownTag,
    WritesReachTheDevice,
    ReadsStayInTheirSegments,
    BoundsAreChecked,
    ErrorsAreNotMadeUp,
    IdleMaySleep,
    NothingIsAllocated,
    FlushesComplete,
}

/// <summary>A device that breaks one promise, so that the tests of the promises can be tested.</summary>
public sealed class DisobedientDevice(BlockDevice below, Promise broken) : BlockDevice
{
    public override BlockDeviceInfo Info => below.Info;

    public override BlockQueue OpenQueue(int depth, Doorbell? completions = null) => new Queue(below.OpenQueue(depth), broken, depth);

    protected override void Dispose(bool disposing) => below.Dispose();

    private sealed class Queue(BlockQueue below, Promise broken, int depth) : BlockQueue
    {
        private const int Period = 50;
        private readonly BlockCompletion[] _one = new BlockCompletion[1];
        private readonly List<BlockCompletion> _done = [];
        private int _requests;

        public override Doorbell? Completions => null;

        public override void Submit(ReadOnlySpan<BlockRequest> requests)
        {
            foreach (BlockRequest request in requests)
            {
                _requests++;
                bool now = _requests % Period == 0;
                BlockRequest passed = request;
                bool isRead = request.Operation == BlockOperation.Read;
                bool isWrite = request.Operation == BlockOperation.Write;
                if (broken == Promise.BoundsAreChecked && request.Sector > 1ul << 40)
                {
                    passed.Sector = 0;
                }

                passed.Operation = broken == Promise.WritesReachTheDevice && isWrite && now ? BlockOperation.Flush : passed.Operation;
                below.Submit(new ReadOnlySpan<BlockRequest>(in passed));
                _ = below.Poll(_one);
                BlockCompletion completion = _one[0];
                if (broken == Promise.ReadsStayInTheirSegments && isRead && request.Data.Count > 1 && completion.Status == BlockStatus.Ok)
                {
                    MemorySegment first = request.Data.AsSpan()[0];
                    MemorySegment.UnsafeCreate(first.Address + first.Length, 1).WriteByte(0, 1);
                }

                if ((broken == Promise.OnceOnly && now) || (broken == Promise.FlushesComplete && request.Operation == BlockOperation.Flush))
                {
                    continue;
                }

                completion = broken == Promise.ErrorsAreNotMadeUp && now ? completion with { Status = BlockStatus.IoError } : completion;
                completion = broken == Promise.KnownTag && now ? completion with { Tag = depth } : completion;
                _done.Add(completion);
                if (broken == Promise.NeverTwice && now)
                {
                    _done.Add(completion);
                }
            }
        }

        public override int Poll(Span<BlockCompletion> completions)
        {
            int count = Math.Min(completions.Length, _done.Count);
            for (int i = 0; i < count; i++)
            {
                completions[i] = _done[i];
            }

            _done.RemoveRange(0, count);
            if (broken == Promise.NothingIsAllocated)
            {
                GC.KeepAlive(new object());
            }

            return count;
        }

        public override long Arm() => _done.Count != 0 || broken == Promise.IdleMaySleep ? Ready : DoorbellWaiter.Forever;

        protected override void Dispose(bool disposing) => below.Dispose();
    }
}
