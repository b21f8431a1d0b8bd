using System.Diagnostics;
using Makatea.BlockContract;
using Makatea.NvmeModel;
using Makatea.Platform.Linux;

namespace Makatea.Drivers.Nvme.Tests.Simulated;

/// <summary>A controller in memory with the driver on it, impatient so that faults show soon.</summary>
internal sealed class SimulatedBed : IDisposable
{
    internal static readonly NvmeOptions Impatient = new()
    {
        CommandTimeout = TimeSpan.FromMilliseconds(150),
        AdminTimeout = TimeSpan.FromMilliseconds(200),
        WatchInterval = TimeSpan.FromMilliseconds(20),
        LostInterruptInterval = TimeSpan.FromMilliseconds(50),
    };

    private NvmeController? _controller;

    internal SimulatedBed(bool withInterrupts = false, int blockShift = 9, int length = 4 << 20)
    {
        Host = new LinuxHost();
        Model = new ModelController();
        Function = Model.Function = new ModelFunction(Model, withInterrupts ? Host.CreateDoorbell : null);
        Model.Disks.Add(new ModelNamespace(blockShift, length));
    }

    internal LinuxHost Host { get; }

    internal ModelController Model { get; }

    internal ModelFunction Function { get; }

    internal NvmeController Controller => _controller ?? throw new InvalidOperationException("not open");

    internal NvmeNamespace Open(NvmeOptions? options = null)
    {
        _controller = NvmeController.Open(Function, options ?? Impatient);
        return _controller.OpenNamespace(1);
    }

    internal QueueDriver OpenQueue(NvmeNamespace disk, int depth) => new(disk, depth, Host);

    internal static void Eventually(Func<bool> condition, string what)
    {
        var clock = Stopwatch.StartNew();
        while (!condition())
        {
            Assert.True(clock.Elapsed < TimeSpan.FromSeconds(10), what);
            Thread.Sleep(1);
        }
    }

    public void Dispose() => _controller?.Dispose();
}
