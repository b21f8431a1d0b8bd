namespace Makatea.Sel4.LinuxAbi;

/// <summary>The end of the program, which is that of the component.</summary>
internal static unsafe class Process
{
    /// <summary>exit_group.</summary>
    internal static void Exit(LinuxThread* thread, ulong status) =>
        LayerKernel.Exit((status & 0xff) == 0 ? ExitReason.Done : ExitReason.Status, thread->Registers.Rip, status & 0xff, thread->Id);

    /// <summary>A signal that nobody handles.</summary>
    /// <param name="thread">Whose it is.</param>
    /// <param name="signal">Its number.</param>
    /// <param name="address">What was touched, where it is a fault.</param>
    internal static void EndBySignal(LinuxThread* thread, uint signal, ulong address)
    {
        Notice.Begin("signal ");
        Notice.Number(signal);
        Notice.Text(" at ");
        Notice.Address(thread->Registers.Rip);
        Notice.Text(", address ");
        Notice.Address(address);
        Notice.Text(", thread ");
        Notice.Number(thread->Id);
        Notice.End();
        LayerKernel.Exit(ExitReason.Signal, thread->Registers.Rip, signal, thread->Id);
    }

    /// <summary>A page was promised to nobody, and there is none.</summary>
    internal static void EndForMemory(LinuxThread* thread, ulong address)
    {
        Notice.Begin("out of memory: ");
        Notice.Number(PageStore.Total);
        Notice.Text(" pages are in use, ");
        Notice.Number(AddressSpace.Promised);
        Notice.Text(" were promised");
        Notice.End();
        LayerKernel.Exit(ExitReason.Memory, thread->Registers.Rip, address, thread->Id);
    }

    /// <summary>The layer cannot go on.</summary>
    /// <param name="what">What is missing, said on the console.</param>
    /// <param name="where">A number that tells the place.</param>
    internal static void EndForLayer(string what, ulong where)
    {
        Notice.Begin(what);
        Notice.End();
        LayerKernel.Exit(ExitReason.Layer, 0, where, 0);
    }
}
