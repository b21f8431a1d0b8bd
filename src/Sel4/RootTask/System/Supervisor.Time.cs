using System.Runtime;
using System.Runtime.CompilerServices;

namespace Makatea.Sel4;

/// <content>
/// Time of components. The kernel keeps each thread to its budget; that all threads of a component together keep to it, too, is watched here: the kernel counts what they take, and a component that
/// took more than it may stands still until it may take some again.
/// </content>
internal static unsafe partial class Supervisor
{
    private const ulong TickBadge = 1ul << 63;
    private const ulong TickMicroseconds = 10_000;

    /// <summary>It takes next to nothing. But what a thread takes above its budget the kernel makes it wait for, so many times as the budget goes into it: and under an emulator a moment can be long.</summary>
    private const ulong TickBudget = TickMicroseconds / 2;
    private const int ClockPriority = 254;

    private static uint s_tick;

    /// <summary>Starts a thread of the root task that wakes it in each period, where a component has less than all of the time.</summary>
    private static bool TryStartClock()
    {
        if (!IsAnyLimited())
        {
            return true;
        }

        uint ticks = s_machine->Own.Make(BoardValue.ObjectNotification);
        uint thread = s_machine->Own.Make(BoardValue.ObjectTcb);
        uint time = s_machine->Own.Make(BoardValue.ObjectSchedContext);
        s_tick = s_machine->Own.TakeSlot();
        return ticks != SlotAllocator.None && thread != SlotAllocator.None && time != SlotAllocator.None && s_tick != SlotAllocator.None
            && CapabilitySpace.Mint(ticks, s_tick, CapabilityRights.Write, TickBadge).IsDone
            && ThreadCalls.BindNotification((uint)CapabilitySpace.Tcb, ticks).IsDone
            && ThreadCalls.SetBudget(s_machine->ScheduleControl, time, TickBudget, TickMicroseconds).IsDone
            && ThreadCalls.Configure(thread, (uint)CapabilitySpace.Table, 0, (uint)CapabilitySpace.AddressSpace, 0, 0).IsDone
            && ThreadCalls.Schedule(thread, ClockPriority, ClockPriority, time, s_machine->Faults).IsDone
            && ThreadCalls.Start(thread, ClockEntry(), ClockStack(), 0).IsDone;
    }

    [RuntimeExport("RootTaskClock")]
    private static void Tick()
    {
        for (; ; )
        {
            KernelCall.Signal(s_tick);
            KernelCall.Yield();
        }
    }

    private static void WatchTime()
    {
        for (int number = 0; number < s_manifest.Components; number++)
        {
            ManifestComponent* described = s_manifest.Component(number);
            ref ComponentRecord record = ref s_components[number];
            if (record.State != ComponentState.Running || described->Budget == described->Period)
            {
                continue;
            }

            // What was not taken is not kept for longer than a period.
            long most = (long)(described->Budget > TickMicroseconds ? described->Budget : TickMicroseconds * described->Budget / described->Period);
            record.Left += (long)(TickMicroseconds * described->Budget / described->Period);
            Count(ref record);
            record.Left = record.Left < most ? record.Left : most;
            if (record.Left < 0 && !record.StandsStill)
            {
                record.StandsStill = record.Component.Suspend();
                record.Pauses++;
            }
            else if (record.Left >= 0 && record.StandsStill)
            {
                record.StandsStill = !record.Component.Resume(s_machine);
            }
        }
    }

    /// <summary>Counts what a component took since the last look.</summary>
    private static void Count(ref ComponentRecord record)
    {
        ulong consumed = record.IsThere ? record.Component.TakeConsumed() : 0;
        record.Used += consumed;
        record.Left -= (long)consumed;
    }

    private static bool IsAnyLimited()
    {
        for (int i = 0; i < s_manifest.Components; i++)
        {
            if (s_manifest.Component(i)->Budget < s_manifest.Component(i)->Period)
            {
                return true;
            }
        }

        return false;
    }

    [RuntimeImport("*", "ClockEntry")]
    [MethodImpl(MethodImplOptions.InternalCall)]
    private static extern ulong ClockEntry();

    [RuntimeImport("*", "ClockStack")]
    [MethodImpl(MethodImplOptions.InternalCall)]
    private static extern ulong ClockStack();
}
