namespace Makatea.Sel4.LinuxAbi;

/// <summary>The table of Linux's system calls (x86-64), and what <see cref="LayerRequest"/> adds to it.</summary>
internal static unsafe class SystemCalls
{
    /// <summary>int 0xC0, which stands where the program had its instruction.</summary>
    internal const ulong InstructionLength = 2;

    /// <summary>No result: the thread waits, or was ended.</summary>
    internal const long Waits = long.MinValue;

    /// <summary>No result: the thread goes on with its registers as they are.</summary>
    internal const long Resumes = long.MinValue + 1;

    internal const ulong Futex = 202;
    private const ulong SigReturn = 15;
    private const ulong SchedYield = 24;

    /// <summary>A call whose registers are those of a thread: makes it, and lets the thread go on where it does.</summary>
    /// <returns>False where it does not.</returns>
    internal static bool Handle(LinuxThread* thread)
    {
        ulong number = thread->Registers.Rax;
        if (number is not (SigReturn or SchedYield))
        {
            // Whatever it was urgent for, or gave way to, is over.
            Threads.SetPriority(thread, isRaised: false, isLowered: false);
            thread->Deadline = Clock.Never;
        }

        long result = Call(thread);
        if (result != Waits)
        {
            if (result != Resumes)
            {
                thread->Registers.Rax = (ulong)result;
                thread->Registers.Rip += InstructionLength;
            }

            Signals.DeliverPending(thread);
        }

        Readiness.Settle();
        return result != Waits;
    }

    /// <summary>Makes a call.</summary>
    internal static long Call(LinuxThread* thread)
    {
        ref Registers call = ref thread->Registers;
        ulong first = call.Rdi;
        ulong second = call.Rsi;
        ulong third = call.Rdx;
        return call.Rax switch
        {
            0 => FileCalls.Read(thread),
            1 => FileCalls.Write(thread),
            2 => FileNames.Open(first, (uint)second),
            3 => Descriptors.Close(first),
            4 or 6 => FileNames.Status(first, second),
            5 => FileNames.StatusOf(first, second),
            7 => Readiness.Poll(thread),
            8 => FileCalls.Seek(thread),
            9 => MemoryCalls.Map(thread),
            10 => MemoryCalls.Protect(first, second, third),
            11 => AddressSpace.Unmap(first, second),
            12 => MemoryCalls.Break,
            13 => SignalActions.Set(thread),
            14 => SignalActions.SetMask(thread),
            SigReturn => SignalFrames.Return(thread),
            16 => Descriptors.Get(first) == null ? Errno.NotOpen : Errno.NotTerminal, // ioctl
            17 => FileCalls.ReadFrom(thread),
            18 => FileCalls.Write(thread), // pwrite64
            19 => FileCalls.Vector(thread, writes: false),
            20 => FileCalls.Vector(thread, writes: true),
            21 => FileNames.Access(first, second),
            22 => Pipes.Create(first, 0), // pipe
            SchedYield => Sleeping.Yield(thread),
            25 => MemoryCalls.Remap(thread),
            28 => MemoryCalls.Advise(first, second, third),
            32 => Descriptors.Duplicate(first, 0),
            33 => Descriptors.Replace(first, second),
            35 => Sleeping.Sleep(thread),
            39 => Threads.ProcessId,
            56 => Threads.Clone(thread),
            60 => EndThread(thread),
            62 => Signals.Send(thread, first, 0, second), // kill
            63 => Facts.Names(first),
            72 => FileCalls.Control(thread),
            73 => 0, // flock
            77 => FileCalls.Refuse(thread), // ftruncate
            79 => FileNames.WorkingDirectory(first, second),
            89 => FileNames.ReadLink(first, second, third),
            96 => Sleeping.TimeOfDay(first),
            97 => Facts.Limit(first, second), // getrlimit
            98 => Facts.Usage(second),
            99 => Facts.Memory(first),
            102 or 104 or 107 or 108 => 0, // getuid, getgid, geteuid, getegid
            110 => 0, // getppid
            131 => SignalActions.SetStack(thread),
            137 => FileNames.FileSystemOf(first, second),
            138 => Descriptors.Get(first) == null ? Errno.NotOpen : FileNames.FileSystem(second, isGroups: false),
            149 or 150 or 325 => 0, // mlock, munlock, mlock2: nothing is ever swapped
            157 => Facts.Control(first), // prctl
            158 => Facts.SetStorage(thread), // arch_prctl
            186 => thread->Id, // gettid
            200 => Signals.Send(thread, Threads.ProcessId, first, second), // tkill
            201 => Facts.Seconds(first),
            Futex => Futexes.Call(thread),
            203 => 0, // sched_setaffinity
            204 => Facts.Processors(second, third),
            218 => Facts.SetClearAddress(thread),
            221 => 0, // fadvise64
            228 => Sleeping.Read(first, second),
            229 => Sleeping.Resolution(second),
            230 => Sleeping.SleepBy(thread),
            231 => Exit(thread),
            234 => Signals.Send(thread, first, second, third),
            257 => FileNames.Open(second, (uint)third), // openat: paths start at the root
            262 => FileNames.StatusAt(thread),
            267 => FileNames.ReadLink(second, third, call.R10), // readlinkat
            269 or 439 => FileNames.Access(second, third), // faccessat, faccessat2
            271 => Readiness.PollFor(thread),
            273 => 0, // set_robust_list: a thread ends with its locks free, or all end
            290 => EventFiles.Create(thread),
            292 => Descriptors.Replace(first, second), // dup3
            293 => Pipes.Create(first, (uint)second),
            302 => Facts.LimitOf(thread), // prlimit64
            309 => Facts.Processor(first, second), // getcpu
            318 => Facts.Random(first, second),
            324 => Facts.Barrier(first), // membarrier

            // The C library asks for these and goes on without them: they are not named.
            239 or 334 or 435 => Errno.NotImplemented, // get_mempolicy, rseq, clone3

            (ulong)LayerRequest.AllocateDma => DeviceMappings.Allocate(first),
            (ulong)LayerRequest.MapDma => DeviceMappings.Map(thread),
            (ulong)LayerRequest.UnmapDma => DeviceMappings.Unmap(first, second, third),
            (ulong)LayerRequest.SetTimer => Deadlines.SetTimer(first, second),
            (ulong)LayerRequest.BindGuest => Guests.Bind(thread, first),
            (ulong)LayerRequest.KernelRoutine => (long)LayerCode.KernelRoutine,
            _ => UnknownCalls.Refuse(call.Rax),
        };
    }

    private static long EndThread(LinuxThread* thread)
    {
        Threads.End(thread, thread->Registers.Rdi);
        return Waits;
    }

    private static long Exit(LinuxThread* thread)
    {
        Process.Exit(thread, thread->Registers.Rdi);
        return Waits;
    }
}
