namespace Makatea.Sel4.LinuxAbi;

/// <summary>The program's threads: as many as the root task made, used again after they ended.</summary>
internal static unsafe class Threads
{
    private const ulong ThreadFlags = 0x0001_0f00; // VM, FS, FILES, SIGHAND, THREAD: there is one process.
    private const ulong SetsStorage = 0x0008_0000;
    private const ulong SetsParentId = 0x0010_0000;
    private const ulong ClearsId = 0x0020_0000;
    private const ulong SetsChildId = 0x0100_0000;

    private static LinuxThread* s_threads;
    private static ulong s_priority;
    private static int s_alive;

    /// <summary>How many there may be.</summary>
    internal static int Count { get; private set; }

    /// <summary>A thread by its number from 0.</summary>
    internal static LinuxThread* Get(int index) => s_threads + index;

    /// <summary>The process's number, which is that of its first thread.</summary>
    internal static uint ProcessId => s_threads->Id;

    /// <summary>Starts without threads.</summary>
    internal static bool Start(ComponentInfo* info)
    {
        Count = (int)info->Threads;
        s_priority = info->Priority;
        s_alive = 0;
        s_threads = (LinuxThread*)PageStore.Reserve(info->Threads * (ulong)sizeof(LinuxThread));
        for (int i = 0; i < Count && s_threads != null; i++)
        {
            s_threads[i] = new LinuxThread { Slot = (uint)info->FirstThread + (uint)i, Id = (uint)i + 1, Deadline = Clock.Never };
        }

        return s_threads != null && Count > 0;
    }

    /// <summary>A living thread by its number for Linux, or null.</summary>
    internal static LinuxThread* Find(ulong id) => id - 1 < (ulong)Count && s_threads[id - 1].IsAlive ? s_threads + (id - 1) : null;

    /// <summary>Takes a thread that is not in use.</summary>
    /// <returns>Null where all are.</returns>
    internal static LinuxThread* Take()
    {
        for (int i = 0; i < Count; i++)
        {
            if (!s_threads[i].IsAlive)
            {
                s_threads[i] = new LinuxThread { Slot = s_threads[i].Slot, Id = s_threads[i].Id, Deadline = Clock.Never, IsAlive = true };
                s_alive++;
                return s_threads + i;
            }
        }

        return null;
    }

    /// <summary>clone, as pthread_create uses it.</summary>
    internal static long Clone(LinuxThread* parent)
    {
        ref Registers call = ref parent->Registers;
        ulong flags = call.Rdi;
        ulong storage = call.R8;
        if ((flags & ThreadFlags) != ThreadFlags)
        {
            return Errno.NotImplemented;
        }

        if (((flags & SetsParentId) != 0 && !UserMemory.CanWrite(call.Rdx, sizeof(uint))) || ((flags & SetsChildId) != 0 && !UserMemory.CanWrite(call.R10, sizeof(uint))))
        {
            return Errno.Fault;
        }

        LinuxThread* child = Take();
        if (child == null)
        {
            return Errno.Again;
        }

        child->Blocked = parent->Blocked;
        child->ClearAddress = (flags & ClearsId) != 0 ? call.R10 : 0;
        if ((flags & SetsParentId) != 0)
        {
            *(uint*)call.Rdx = child->Id;
        }

        if ((flags & SetsChildId) != 0)
        {
            *(uint*)call.R10 = child->Id;
        }

        child->Registers = call;
        child->Registers.Rax = 0;
        child->Registers.Rip += SystemCalls.InstructionLength;
        child->Registers.Rsp = call.Rsi;
        if ((flags & SetsStorage) != 0)
        {
            LayerKernel.SetStorage(child->Slot, storage);
        }

        LayerKernel.Start(child->Slot, &child->Registers);
        return child->Id;
    }

    /// <summary>exit: the thread ends, the process with its last.</summary>
    internal static void End(LinuxThread* thread, ulong status)
    {
        if (s_alive == 1)
        {
            Process.Exit(thread, status);
        }

        LayerKernel.Suspend(thread->Slot);
        SetPriority(thread, isRaised: false, isLowered: false);
        Waits.Forget(thread);
        thread->IsAlive = false;
        s_alive--;
        if (thread->ClearAddress != 0 && UserMemory.TryWrite32(thread->ClearAddress, 0))
        {
            Futexes.Wake(thread->ClearAddress, 1, Futexes.AnyMask);
        }
    }

    /// <summary>Sets a thread's priority against that of the others.</summary>
    /// <param name="thread">The thread.</param>
    /// <param name="isRaised">It is as urgent as the layer.</param>
    /// <param name="isLowered">It lets all others run first.</param>
    internal static void SetPriority(LinuxThread* thread, bool isRaised, bool isLowered)
    {
        if (thread->IsRaised != isRaised || thread->IsLowered != isLowered)
        {
            thread->IsRaised = isRaised;
            thread->IsLowered = isLowered;
            LayerKernel.SetPriority(thread->Slot, s_priority - (isRaised ? 0u : isLowered ? 2u : 1u));
        }
    }
}
