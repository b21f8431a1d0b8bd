namespace Makatea.Sel4.LinuxAbi;

/// <summary>Event files (eventfd).</summary>
internal static unsafe class EventFiles
{
    private const int Most = 64;
    private const uint Semaphore = 1;

    private static EventFile* s_events;

    internal static bool Start()
    {
        s_events = (EventFile*)PageStore.Reserve(Most * (ulong)sizeof(EventFile));
        return s_events != null;
    }

    /// <summary>eventfd2(value, flags).</summary>
    internal static long Create(LinuxThread* thread)
    {
        uint flags = (uint)thread->Registers.Rsi;
        for (uint i = 0; i < Most; i++)
        {
            if (!s_events[i].IsOpen)
            {
                s_events[i] = new EventFile { Value = (uint)thread->Registers.Rdi, IsOpen = true, IsSemaphore = (flags & Semaphore) != 0 };
                long descriptor = Descriptors.Open(FileKind.Event, i, (flags & OpenFile.NonBlocking) | 2);
                s_events[i].IsOpen = descriptor >= 0;
                return descriptor;
            }
        }

        return Errno.TooManyOpen;
    }

    internal static long Read(uint index, ulong* target)
    {
        EventFile* file = s_events + index;
        if (file->Value == 0)
        {
            return Errno.Again;
        }

        *target = file->IsSemaphore ? 1 : file->Value;
        file->Value -= *target;
        Readiness.Change();
        return sizeof(ulong);
    }

    internal static long Write(uint index, ulong value)
    {
        EventFile* file = s_events + index;
        if (value == ulong.MaxValue)
        {
            return Errno.Invalid;
        }

        if (ulong.MaxValue - 1 - file->Value < value)
        {
            return Errno.Again;
        }

        file->Value += value;
        Readiness.Change();
        return sizeof(ulong);
    }

    internal static void Close(uint index) => s_events[index].IsOpen = false;

    internal static uint Poll(uint index) =>
        (s_events[index].Value != 0 ? Readiness.Input : 0) | (s_events[index].Value < ulong.MaxValue - 1 ? Readiness.Output : 0);
}

/// <summary>An event file.</summary>
internal struct EventFile
{
    internal ulong Value;
    internal bool IsOpen;
    internal bool IsSemaphore;
}
