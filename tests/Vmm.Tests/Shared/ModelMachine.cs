using Makatea.Platform;

namespace Makatea.Vmm.Tests;

/// <summary>A machine whose processors remember what is done to them.</summary>
/// <param name="info">What it says of the host.</param>
internal sealed class ModelMachine(VirtualMachineInfo info) : VirtualMachine
{
    public List<ModelCpu> Cpus { get; } = [];

    public List<DoorbellTrigger> Doorbells { get; } = [];

    public override VirtualMachineInfo Info => info;

    public override ulong? Clock { get; set; } = 1;

    public override void AllowMsrs(ReadOnlySpan<MsrPermission> permissions)
    {
    }

    public override VirtualCpu CreateCpu(uint id)
    {
        Cpus.Add(new ModelCpu(id));
        return Cpus[^1];
    }

    public override void Map(GuestMemoryRegion region)
    {
    }

    public override void Unmap(ulong guestAddress)
    {
    }

    public override IDisposable AttachDoorbell(DoorbellTrigger trigger, Doorbell doorbell)
    {
        Doorbells.Add(trigger);
        return new Undo(() => Doorbells.Remove(trigger));
    }

    protected override void Dispose(bool disposing)
    {
    }

    private sealed class Undo(Action action) : IDisposable
    {
        public void Dispose() => action();
    }
}
