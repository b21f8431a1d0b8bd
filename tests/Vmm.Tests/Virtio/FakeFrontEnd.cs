using Makatea.Platform;
using Makatea.Virtio;
using Makatea.Vmm.Virtio;

namespace Makatea.Vmm.Tests.Virtio;

/// <summary>A device that notes what it is told, and fails on request.</summary>
internal sealed class FakeFrontEnd(int queues = 2) : VirtioFrontEnd
{
    private readonly CountingDoorbell[] _kicks = [.. Enumerable.Range(0, queues).Select(_ => new CountingDoorbell())];

    public List<string> Calls { get; } = [];

    public byte[] Config { get; } = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10];

    public bool FailsToStart { get; set; }

    public IVirtioInterrupts? Interrupts { get; private set; }

    public IReadOnlyList<VirtqueueLayout> Queues { get; private set; } = [];

    public override uint DeviceType => 1;

    public override ulong Features => VirtioFeatures.Version1 | VirtioFeatures.EventIndex | 1;

    public override IReadOnlyList<ushort> QueueSizes { get; } = [.. Enumerable.Repeat((ushort)128, queues)];

    public override int ConfigLength => Config.Length;

    public int Kicks(int queue) => _kicks[queue].Rung;

    public override Doorbell Kick(int queue) => _kicks[queue];

    public override void ReadConfig(int offset, Span<byte> destination) => Config.AsSpan(offset, destination.Length).CopyTo(destination);

    public override void WriteConfig(int offset, ReadOnlySpan<byte> source) => source.CopyTo(Config.AsSpan(offset));

    public override void Start(ulong features, IReadOnlyList<VirtqueueLayout> queues, IVirtioInterrupts interrupts)
    {
        Calls.Add($"start 0x{features:x}");
        Queues = [.. queues];
        Interrupts = interrupts;
        if (FailsToStart)
        {
            throw new VirtioFrontEndException("no");
        }
    }

    public bool FailsToSuspend { get; set; }

    public override void Stop() => Calls.Add("stop");

    public override IReadOnlyList<RingPosition?> Suspend()
    {
        if (FailsToSuspend)
        {
            return base.Suspend();
        }

        Calls.Add("suspend");
        return [.. Queues.Select(queue => queue.IsEnabled ? new RingPosition(5, true, 5, true) : default(RingPosition?))];
    }

    protected override void Dispose(bool disposing)
    {
    }

    private sealed class CountingDoorbell : Doorbell
    {
        public int Rung { get; private set; }

        public override void Ring() => Rung++;

        protected override void Dispose(bool disposing)
        {
        }
    }
}
