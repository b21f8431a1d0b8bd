namespace Makatea.Sel4.LinuxAbi;

/// <summary>System calls that ask how things are, or say something that changes little.</summary>
internal static unsafe class Facts
{
    /// <summary>Bytes of a stack of a thread that asks for no other.</summary>
    internal const ulong StackLength = 1 << 20;

    private const ulong Unlimited = ulong.MaxValue;

    /// <summary>uname.</summary>
    internal static long Names(ulong target)
    {
        const ulong Field = 65;
        const ulong Fields = 6;
        if (!UserMemory.CanWrite(target, Field * Fields))
        {
            return Errno.Fault;
        }

        for (ulong i = 0; i < Field * Fields; i++)
        {
            ((byte*)target)[i] = 0;
        }

        Put(target, "Linux");
        Put(target + Field, "component");
        Put(target + (2 * Field), "5.10.0-makatea");
        Put(target + (3 * Field), "seL4");
        Put(target + (4 * Field), "x86_64");
        return 0;
    }

    /// <summary>getrlimit(resource, target).</summary>
    internal static long Limit(ulong resource, ulong target)
    {
        const ulong Stack = 3;
        const ulong Core = 4;
        const ulong Files = 7;
        if (!UserMemory.CanWrite(target, 2 * sizeof(ulong)))
        {
            return Errno.Fault;
        }

        ulong limit = resource switch { Stack => StackLength, Core => 0, Files => Descriptors.Count, _ => Unlimited };
        ((ulong*)target)[0] = limit;
        ((ulong*)target)[1] = resource == Stack ? Unlimited : limit;
        return 0;
    }

    /// <summary>prlimit64(process, resource, new limit, old limit): limits are not changed.</summary>
    internal static long LimitOf(LinuxThread* thread)
    {
        ref Registers call = ref thread->Registers;
        return call.Rdx != 0 ? Errno.NotPermitted : call.R10 == 0 ? 0 : Limit(call.Rsi, call.R10);
    }

    /// <summary>getrusage(who, target): there is no account but time.</summary>
    internal static long Usage(ulong target)
    {
        const ulong Words = 18;
        if (!UserMemory.CanWrite(target, Words * sizeof(ulong)))
        {
            return Errno.Fault;
        }

        ulong* words = (ulong*)target;
        for (ulong i = 0; i < Words; i++)
        {
            words[i] = 0;
        }

        ulong now = Clock.Now();
        words[0] = now / Clock.NanosecondsPerSecond;
        words[1] = now % Clock.NanosecondsPerSecond / 1000;
        words[4] = PageStore.Used * (RegionTable.PageSize / 1024);
        return 0;
    }

    /// <summary>sysinfo.</summary>
    internal static long Memory(ulong target)
    {
        const ulong Words = 14;
        if (!UserMemory.CanWrite(target, Words * sizeof(ulong)))
        {
            return Errno.Fault;
        }

        ulong* words = (ulong*)target;
        for (ulong i = 0; i < Words; i++)
        {
            words[i] = 0;
        }

        words[0] = Clock.Now() / Clock.NanosecondsPerSecond;
        words[4] = PageStore.Total * RegionTable.PageSize;
        words[5] = (PageStore.Total - PageStore.Used) * RegionTable.PageSize;
        words[10] = 1; // processes
        ((uint*)(words + 13))[0] = 1; // bytes of a unit
        return 0;
    }

    /// <summary>prctl: names of threads are taken and forgotten.</summary>
    internal static long Control(ulong option)
    {
        const ulong SetName = 15;
        return option == SetName ? 0 : Errno.Invalid;
    }

    /// <summary>arch_prctl(ARCH_SET_FS, address).</summary>
    internal static long SetStorage(LinuxThread* thread)
    {
        const ulong SetFs = 0x1002;
        if (thread->Registers.Rdi != SetFs)
        {
            return Errno.Invalid;
        }

        LayerKernel.SetStorage(thread->Slot, thread->Registers.Rsi);
        return 0;
    }

    /// <summary>time(target).</summary>
    internal static long Seconds(ulong target)
    {
        TimeValue time;
        Clock.Read(0, &time);
        return target != 0 && !UserMemory.TryWrite(target, time.Seconds) ? Errno.Fault : (long)time.Seconds;
    }

    /// <summary>sched_getaffinity(thread, length, mask): one processor.</summary>
    internal static long Processors(ulong length, ulong mask) =>
        length < sizeof(ulong) || length % sizeof(ulong) != 0 ? Errno.Invalid : UserMemory.TryWrite(mask, 1) ? sizeof(ulong) : Errno.Fault;

    /// <summary>getcpu(processor, node).</summary>
    internal static long Processor(ulong processor, ulong node) =>
        (processor == 0 || UserMemory.TryWrite32(processor, 0)) && (node == 0 || UserMemory.TryWrite32(node, 0)) ? 0 : Errno.Fault;

    /// <summary>set_tid_address.</summary>
    internal static long SetClearAddress(LinuxThread* thread)
    {
        thread->ClearAddress = thread->Registers.Rdi;
        return thread->Id;
    }

    /// <summary>getrandom(target, length).</summary>
    internal static long Random(ulong target, ulong length)
    {
        const ulong Most = 1 << 20;
        length = length < Most ? length : Most;
        if (!UserMemory.CanWrite(target, length))
        {
            return Errno.Fault;
        }

        RandomNumbers.Fill((byte*)target, length);
        return (long)length;
    }

    /// <summary>
    /// membarrier. The kernel that this runs on has one processor: a thread that does not run has made all its accesses in the order of its program.
    /// </summary>
    internal static long Barrier(ulong command)
    {
        const ulong Query = 0;
        const ulong Private = 8;
        const ulong RegisterPrivate = 16;
        return command switch { Query => (long)(Private | RegisterPrivate), Private or RegisterPrivate => 0, _ => Errno.Invalid };
    }

    private static void Put(ulong target, string text)
    {
        for (int i = 0; i < text.Length; i++)
        {
            ((byte*)target)[i] = (byte)text[i];
        }
    }
}
