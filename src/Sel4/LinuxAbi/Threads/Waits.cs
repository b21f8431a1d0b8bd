namespace Makatea.Sel4.LinuxAbi;

/// <summary>Threads that wait in a call, and how that ends.</summary>
internal static unsafe class Waits
{
    /// <summary>A thread starts to wait. Its call is answered later.</summary>
    /// <returns><see cref="SystemCalls.Waits"/>.</returns>
    internal static long Begin(LinuxThread* thread, WaitKind kind, ulong deadline)
    {
        thread->Wait = kind;
        thread->Deadline = deadline;
        Deadlines.Add(deadline);
        return SystemCalls.Waits;
    }

    /// <summary>It ends with a result, and the thread goes on.</summary>
    internal static void Complete(LinuxThread* thread, long result)
    {
        Stop(thread);
        thread->Registers.Rax = (ulong)result;
        thread->Registers.Rip += SystemCalls.InstructionLength;
        Signals.DeliverPending(thread);
        Answer(thread);
    }

    /// <summary>A signal ends it: the call is made again after the handler, or it fails.</summary>
    internal static void Interrupt(LinuxThread* thread, bool restarts)
    {
        // A time from now on would start again, so that is not restarted.
        WaitKind kind = thread->Wait;
        ulong deadline = thread->Deadline;
        Stop(thread);
        if (kind == WaitKind.Sleep && thread->RestAddress != 0)
        {
            Sleeping.TellRest(thread->RestAddress, deadline);
        }

        if (!restarts || kind == WaitKind.Sleep || (deadline != Clock.Never && !Futexes.IsAbsolute(thread)))
        {
            thread->Registers.Rax = unchecked((ulong)Errno.Interrupted);
            thread->Registers.Rip += SystemCalls.InstructionLength;
        }
    }

    /// <summary>Its time has come.</summary>
    internal static void EndByTime(LinuxThread* thread)
    {
        switch (thread->Wait)
        {
            case WaitKind.Futex:
                Complete(thread, Errno.TimedOut);
                break;
            case WaitKind.Sleep:
            case WaitKind.File:
                Complete(thread, 0);
                break;
            case WaitKind.None:
            default:
                // It waits for a moment to be signalled again, or to be as urgent as the others.
                Signals.DeliverLate(thread);
                break;
        }
    }

    /// <summary>A file may be ready: calls that wait for one are made again.</summary>
    internal static void RetryFiles()
    {
        for (int i = 0; i < Threads.Count; i++)
        {
            LinuxThread* thread = Threads.Get(i);
            if (thread->Wait == WaitKind.File)
            {
                ulong deadline = thread->Deadline;
                thread->Wait = WaitKind.None;
                long result = SystemCalls.Call(thread);
                if (result == SystemCalls.Waits)
                {
                    thread->Deadline = deadline;
                }
                else
                {
                    Complete(thread, result);
                }
            }
        }
    }

    /// <summary>A thread that is answered goes on with what is in its registers.</summary>
    internal static void Answer(LinuxThread* thread)
    {
        LayerKernel.Answer(thread->Reply, &thread->Registers);
        ReleaseReply(thread);
    }

    /// <summary>Whatever it waits for, nobody answers it any more.</summary>
    internal static void Forget(LinuxThread* thread)
    {
        Stop(thread);
        ReleaseReply(thread);
    }

    private static void ReleaseReply(LinuxThread* thread)
    {
        if (thread->Reply != 0)
        {
            Replies.Give(thread->Reply);
            thread->Reply = 0;
        }
    }

    private static void Stop(LinuxThread* thread)
    {
        if (thread->Wait == WaitKind.Futex)
        {
            Futexes.Leave(thread);
        }

        thread->Wait = WaitKind.None;
        thread->Deadline = Clock.Never;
    }
}
