using Makatea.Platform;

namespace Makatea.Fuzz.Requests;

/// <summary>Holds what it is asked against the limits that the guest was told: a virtio device refuses requests beyond them itself.</summary>
/// <param name="below">The device; taken over.</param>
internal sealed class StrictDevice(BlockDevice below) : BlockDevice
{
    private volatile string? _violation;

    /// <summary>What was wrong with a request, or null.</summary>
    public string? Violation => _violation;

    /// <inheritdoc/>
    public override BlockDeviceInfo Info => below.Info;

    /// <inheritdoc/>
    public override BlockQueue OpenQueue(int depth, Doorbell? completions = null) => new StrictQueue(this, below.OpenQueue(depth, completions), depth);

    /// <inheritdoc/>
    protected override void Dispose(bool disposing) => below.Dispose();

    private void Check(in BlockRequest request, bool[] outstanding)
    {
        ulong sectors = Info.SectorCount;
        bool hasData = request.Operation is BlockOperation.Read or BlockOperation.Write;
        if (request.Tag < 0 || request.Tag >= outstanding.Length || outstanding[request.Tag])
        {
            _violation = $"tag {request.Tag} is outstanding or not below {outstanding.Length}";
            return;
        }

        outstanding[request.Tag] = true;
        if (request.Sector > sectors || request.SectorCount > sectors - request.Sector)
        {
            _violation = $"{request.Operation} of {request.SectorCount} sectors at {request.Sector} of {sectors}";
        }

        long bytes = 0;
        foreach (MemorySegment segment in request.Data.AsSpan())
        {
            bytes += segment.Length;
        }

        if (bytes != (hasData ? (long)request.SectorCount * SectorSize : 0))
        {
            _violation = $"{request.Operation} of {request.SectorCount} sectors has {bytes} bytes of data";
        }
    }

    private sealed class StrictQueue(StrictDevice device, BlockQueue below, int depth) : BlockQueue
    {
        private readonly bool[] _outstanding = new bool[depth];

        public override Doorbell? Completions => below.Completions;

        public override void Submit(ReadOnlySpan<BlockRequest> requests)
        {
            foreach (ref readonly BlockRequest request in requests)
            {
                device.Check(in request, _outstanding);
            }

            below.Submit(requests);
        }

        public override int Poll(Span<BlockCompletion> completions)
        {
            int count = below.Poll(completions);
            foreach (BlockCompletion completion in completions[..count])
            {
                _outstanding[completion.Tag] = false;
            }

            return count;
        }

        public override long Arm() => below.Arm();

        protected override void Dispose(bool disposing) => below.Dispose();
    }
}
