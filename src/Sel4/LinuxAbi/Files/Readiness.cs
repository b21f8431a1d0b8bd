using System.Runtime.InteropServices;

namespace Makatea.Sel4.LinuxAbi;

/// <summary>Which files are ready, and threads that wait for that.</summary>
internal static unsafe class Readiness
{
    internal const uint Input = 1;
    internal const uint Output = 4;
    internal const uint Error = 8;
    internal const uint HungUp = 16;
    internal const uint NotOpen = 32;

    private static bool s_changed;

    /// <summary>A file's readiness changed.</summary>
    internal static void Change() => s_changed = true;

    /// <summary>Calls that wait for files are made again, as long as that changes any.</summary>
    internal static void Settle()
    {
        while (s_changed)
        {
            s_changed = false;
            Waits.RetryFiles();
        }
    }

    /// <summary>poll(list, count, milliseconds).</summary>
    internal static long Poll(LinuxThread* thread)
    {
        const ulong PerMillisecond = 1_000_000;
        int milliseconds = (int)thread->Registers.Rdx;
        return Poll(thread, milliseconds < 0 ? Clock.Never : Clock.Now() + ((ulong)milliseconds * PerMillisecond));
    }

    /// <summary>ppoll(list, count, time, mask): the mask is left as it is.</summary>
    internal static long PollFor(LinuxThread* thread)
    {
        ulong address = thread->Registers.Rdx;
        if (address == 0)
        {
            return Poll(thread, Clock.Never);
        }

        if (!UserMemory.CanRead(address, (ulong)sizeof(TimeValue)))
        {
            return Errno.Fault;
        }

        var time = *(TimeValue*)address;
        return time.IsValid ? Poll(thread, Clock.ToMoment(1, time, isAbsolute: false)) : Errno.Invalid;
    }

    private static long Poll(LinuxThread* thread, ulong deadline)
    {
        ulong list = thread->Registers.Rdi;
        ulong count = thread->Registers.Rsi;
        if (count > Descriptors.Count)
        {
            return Errno.Invalid;
        }

        if (!UserMemory.CanWrite(list, count * (ulong)sizeof(PollEntry)))
        {
            return Errno.Fault;
        }

        long ready = 0;
        for (ulong i = 0; i < count; i++)
        {
            PollEntry* entry = (PollEntry*)list + i;
            OpenFile* file = Descriptors.Get((uint)entry->Descriptor);
            uint found = entry->Descriptor < 0 ? 0 : file == null ? NotOpen : Of(file) & (entry->Wanted | Error | HungUp);
            entry->Found = (ushort)found;
            ready += found != 0 ? 1 : 0;
        }

        return ready != 0 || deadline <= Clock.Now() ? ready : Waits.Begin(thread, WaitKind.File, deadline);
    }

    private static uint Of(OpenFile* file) => file->Kind switch
    {
        FileKind.PipeReader => Pipes.Poll(file->Object, isWriter: false),
        FileKind.PipeWriter => Pipes.Poll(file->Object, isWriter: true),
        FileKind.Event => EventFiles.Poll(file->Object),
        _ => Input | Output,
    };
}

/// <summary>struct pollfd.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct PollEntry
{
    internal int Descriptor;
    internal ushort Wanted;
    internal ushort Found;
}
