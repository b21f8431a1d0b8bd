namespace Makatea.Sel4;

/// <summary>The beginning and the end of the thread that the kernel starts.</summary>
internal static unsafe class RootThread
{
    /// <summary>Takes the machine over, and the serial console into use.</summary>
    /// <param name="information">What the kernel tells.</param>
    /// <param name="resources">Where what there is is kept: static, it stays where it is.</param>
    /// <returns>False where it does not fit the tables; what can be said can be said.</returns>
    internal static bool TryStart(BootInformation* information, ref Resources resources)
    {
        Board.Use(Archive.Board());
        KernelCall.UseBuffer((ulong*)information->IpcBuffer);
        fixed (Resources* kept = &resources)
        {
            if (!Resources.TryTake(information, kept))
            {
                return false;
            }
        }

        SerialConsole.Open(resources.Slots.Allocate(1));
        return true;
    }

    /// <summary>There is nothing left to do.</summary>
    internal static void Halt()
    {
        for (; ; )
        {
            KernelCall.Invoke(CapabilitySpace.Tcb, BoardValue.TCBSuspend, 0, 0);
        }
    }
}
