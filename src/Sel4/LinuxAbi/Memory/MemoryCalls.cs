namespace Makatea.Sel4.LinuxAbi;

/// <summary>System calls on memory, as they pass their arguments.</summary>
internal static unsafe class MemoryCalls
{
    private static ulong s_break;

    /// <summary>Says where the program ends: brk moves nothing, and the C library takes memory by mmap.</summary>
    internal static void Start(ulong programEnd) => s_break = programEnd;

    /// <summary>brk.</summary>
    internal static long Break => (long)s_break;

    /// <summary>mmap(address, length, rights, flags, descriptor, offset).</summary>
    internal static long Map(LinuxThread* thread)
    {
        const ulong Fixed = 0x10;
        const ulong Anonymous = 0x20;
        const ulong Stack = 0x2_0000;
        ref Registers call = ref thread->Registers;
        ulong flags = call.R10;
        if ((flags & Anonymous) == 0)
        {
            return Descriptors.Get(call.R8) == null ? Errno.NotOpen : Errno.NoDevice;
        }

        RegionKind kind = (flags & Stack) != 0 ? RegionKind.Stack : RegionKind.Private;
        return AddressSpace.Map(call.Rdi, call.Rsi, (PageRights)call.Rdx & PageRights.All, kind, replaces: (flags & Fixed) != 0);
    }

    /// <summary>mprotect(address, length, rights).</summary>
    internal static long Protect(ulong address, ulong length, ulong rights) => AddressSpace.Protect(address, length, (PageRights)rights & PageRights.All);

    /// <summary>mremap(address, length, new length, flags).</summary>
    internal static long Remap(LinuxThread* thread)
    {
        const ulong MayMove = 1;
        ref Registers call = ref thread->Registers;
        return call.R10 > MayMove ? Errno.Invalid : AddressSpace.Remap(call.Rdi, call.Rsi, call.Rdx, (call.R10 & MayMove) != 0);
    }

    /// <summary>madvise(address, length, advice): one of them is more than advice.</summary>
    internal static long Advise(ulong address, ulong length, ulong advice)
    {
        const ulong DontNeed = 4;
        return advice == DontNeed ? AddressSpace.Discard(address, length) : 0;
    }
}
