namespace Makatea.Sel4.LinuxAbi;

/// <content>Guests.</content>
internal static unsafe partial class LayerKernel
{
    /// <summary>Has a thread enter a guest.</summary>
    /// <param name="thread">The thread, which entered none before.</param>
    /// <param name="guest">Slot of the virtual processor; space, buffer and notification follow.</param>
    /// <param name="buffer">Where the buffer is mapped.</param>
    internal static bool BindGuest(uint thread, uint guest, ulong buffer) =>
        ThreadCalls.BindNotification(thread, guest + 3).IsDone && VirtualCpuCalls.SetBuffer(thread, buffer, guest + 2).IsDone
        && VirtualCpuCalls.Bind(guest, thread).IsDone && VirtualCpuCalls.SetSpace(thread, guest + 1).IsDone;
}
