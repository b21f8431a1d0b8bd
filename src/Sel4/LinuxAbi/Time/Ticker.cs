using System.Runtime;

namespace Makatea.Sel4.LinuxAbi;

/// <summary>
/// The thread that tells the layer the time. The kernel has no timer for programs, but a thread whose processor time is the least in each period sleeps for the rest of it when it yields: it looks at
/// the clock once a period while somebody waits for a time, and sleeps at a notification while nobody does.
/// </summary>
internal static unsafe class Ticker
{
    private const ulong StackLength = RegionTable.PageSize;

    private static volatile nuint s_next;
    private static volatile bool s_sleeps;
    private static uint s_wake;
    private static uint s_events;

    /// <summary>Starts the thread.</summary>
    /// <returns>False where there is no memory.</returns>
    internal static bool Start(ComponentInfo* info)
    {
        s_next = unchecked((nuint)Clock.Never);
        s_sleeps = false;
        s_wake = PageStore.MakeKept(BoardValue.ObjectNotification);
        s_events = PageStore.TakeSlot();
        byte* stack = (byte*)PageStore.Reserve(StackLength);
        if (s_wake == 0 || s_events == 0 || stack == null || info->Ticker == 0 || !LayerKernel.Copy(ComponentLayout.EventsSlot, s_events, FaultMessage.Event))
        {
            return false;
        }

        Registers registers = default;
        registers.Rip = LayerCode.Ticker;
        registers.Rsp = (ulong)stack + StackLength - sizeof(ulong);
        LayerKernel.SetPriority((uint)info->Ticker, info->Priority);
        LayerKernel.Start((uint)info->Ticker, &registers);
        return true;
    }

    /// <summary>The layer wants an event at a moment, and none before.</summary>
    internal static void Set(ulong moment)
    {
        s_next = (nuint)moment;
        if (moment != Clock.Never && s_sleeps)
        {
            LayerKernel.Signal(s_wake);
        }
    }

    [RuntimeExport("TickerMain")]
    private static void Run()
    {
        ulong told = Clock.Never;
        for (; ; )
        {
            ulong next = s_next;
            if (next == Clock.Never)
            {
                // Says so first, and looks again: a moment that is set after that rings the bell.
                s_sleeps = true;
                if (s_next == Clock.Never)
                {
                    LayerKernel.Wait(s_wake);
                }

                s_sleeps = false;
                continue;
            }

            if (next != told && Clock.Now() >= next)
            {
                told = next;
                LayerKernel.Signal(s_events);
            }

            LayerKernel.Yield();
        }
    }
}
