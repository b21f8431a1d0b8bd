namespace Makatea.Sel4.LinuxAbi;

/// <summary>Guests that the program runs.</summary>
internal static unsafe class Guests
{
    /// <summary>LayerRequest.BindGuest(number).</summary>
    internal static long Bind(LinuxThread* thread, ulong number)
    {
        GrantInfo* guest = Grants.Find(GrantKind.Guest, number);
        return guest == null ? Errno.NoDevice : LayerKernel.BindGuest(thread->Slot, (uint)guest->Slot, guest->Address) ? 0 : Errno.Busy;
    }
}
