using System.Collections.Concurrent;
using Makatea.Platform;

namespace Makatea.Virtio.Tests.Block;

/// <summary>A device that claims whatever the test says, records what it is asked and answers as told. For faults and features that no real disk here has.</summary>
internal sealed class OddDevice(BlockDeviceInfo info) : BlockDevice
{
    private readonly ConcurrentQueue<BlockOperation> _seen = new();
    private BlockDeviceInfo _info = info;

    public override BlockDeviceInfo Info => _info;

    public BlockStatus Status { get; set; } = BlockStatus.Ok;

    public IReadOnlyCollection<BlockOperation> Seen => _seen;

    public void Resize(ulong sectors)
    {
        _info = _info with { SectorCount = sectors };
        OnInfoChanged();
    }

    public override BlockQueue OpenQueue(int depth, Doorbell? completions = null) => new OddQueue(this);

    protected override void Dispose(bool disposing)
    {
    }

    private sealed class OddQueue(OddDevice device) : BlockQueue
    {
        private readonly Queue<BlockCompletion> _completed = new();

        public override Doorbell? Completions => null;

        public override void Submit(ReadOnlySpan<BlockRequest> requests)
        {
            foreach (BlockRequest request in requests)
            {
                device._seen.Enqueue(request.Operation);
                _completed.Enqueue(new BlockCompletion(request.Tag, device.Status));
            }
        }

        public override int Poll(Span<BlockCompletion> completions)
        {
            int count = 0;
            while (count < completions.Length && _completed.TryDequeue(out completions[count]))
            {
                count++;
            }

            return count;
        }

        public override long Arm() => _completed.Count == 0 ? DoorbellWaiter.Forever : Ready;

        protected override void Dispose(bool disposing)
        {
        }
    }
}
