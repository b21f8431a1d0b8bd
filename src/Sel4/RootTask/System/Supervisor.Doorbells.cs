namespace Makatea.Sel4;

/// <content>Who hears what. A doorbell is no object: whoever rings holds the hearer's notification, with the bit that was asked for.</content>
internal static unsafe partial class Supervisor
{
    private const int MaxBit = 61;

    private static RootAnswer Listen(int number, GrantKind kind, ulong what, ulong waiter, ulong bit)
    {
        if (waiter >= s_components[number].Component.Waiters || bit > MaxBit)
        {
            return RootAnswer.Invalid;
        }

        if (kind is GrantKind.MessageInterrupt or GrantKind.PinInterrupt)
        {
            return what < MaxInterrupts && s_interrupts[what].Owner == (uint)number + 1 ? ListenToInterrupt(number, (uint)what, (uint)waiter, (int)bit) : RootAnswer.Invalid;
        }

        if (kind != GrantKind.Hear || !Has(number, kind, what))
        {
            return RootAnswer.Invalid;
        }

        s_doorbells[what].Listener = (uint)number + 1;
        s_doorbells[what].Waiter = (uint)waiter;
        s_doorbells[what].Bit = (int)bit;
        return Hang(what);
    }

    private static RootAnswer Ignore(int number, GrantKind kind, ulong what)
    {
        if (kind is GrantKind.MessageInterrupt or GrantKind.PinInterrupt)
        {
            return what < MaxInterrupts && s_interrupts[what].Owner == (uint)number + 1
                ? Answer(KernelCall.Invoke(s_interrupts[what].Handler, BoardValue.IRQClearIRQHandler, 0, 0))
                : RootAnswer.Invalid;
        }

        if (kind != GrantKind.Hear || !Has(number, kind, what))
        {
            return RootAnswer.Invalid;
        }

        s_doorbells[what] = default;
        return Hang(what);
    }

    /// <summary>Gives a component that rings what it takes, where somebody hears it.</summary>
    private static bool TryRing(int number, ManifestGrant* grant, GrantInfo* info)
    {
        info->State = 1;
        return info->Slot != SlotAllocator.None && HangAt(number, grant->Number, info) == RootAnswer.Done;
    }

    /// <summary>Gives all that ring a doorbell what it takes now.</summary>
    private static RootAnswer Hang(ulong doorbell)
    {
        RootAnswer answer = RootAnswer.Done;
        for (int i = 0; i < s_manifest.Grants; i++)
        {
            ManifestGrant* grant = s_manifest.Grant(i);
            if (grant->Kind == GrantKind.Ring && grant->Number == doorbell && IsThere(i))
            {
                RootAnswer one = HangAt(s_grants[i].Owner, doorbell, s_grants[i].Info);
                answer = one == RootAnswer.Done ? answer : one;
            }
        }

        return answer;
    }

    private static RootAnswer HangAt(int number, ulong doorbell, GrantInfo* info)
    {
        ref Component ringer = ref s_components[number].Component;
        if (!CapabilitySpace.DeleteFrom(ringer.Table, ringer.TableBits, (uint)info->Slot).IsDone)
        {
            return RootAnswer.Kernel;
        }

        DoorbellRecord record = s_doorbells[doorbell];
        return record.Listener == 0
            ? RootAnswer.Done
            : Answer(CapabilitySpace.MintTo(ringer.Table, ringer.TableBits, (uint)info->Slot, WaiterOf(record.Listener - 1, record.Waiter), CapabilityRights.Write, 1ul << record.Bit));
    }

    private static RootAnswer ListenToInterrupt(int number, uint vector, uint waiter, int bit)
    {
        uint slot = s_machine->Spare;
        RootAnswer answer = Answer(CapabilitySpace.Mint(WaiterOf((uint)number, waiter), slot, CapabilityRights.Write, 1ul << bit));
        if (answer == RootAnswer.Done)
        {
            KernelCall.SetCapability(0, slot);
            answer = Answer(KernelCall.Invoke(s_interrupts[vector].Handler, BoardValue.IRQSetIRQHandler, 1, 0));
            CapabilitySpace.Delete(slot);
        }

        return answer;
    }

    private static bool Has(int number, GrantKind kind, ulong what)
    {
        for (int i = 0; i < s_manifest.Grants; i++)
        {
            if (s_grants[i].Owner == number && s_manifest.Grant(i)->Kind == kind && s_manifest.Grant(i)->Number == what && IsThere(i))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Somebody runs who has it now.</summary>
    private static bool IsThere(int grant) => s_grants[grant].Info != null && s_grants[grant].Info->State != 0;

    private static uint WaiterOf(uint component, uint waiter) => s_components[component].Component.FirstWaiter + waiter;

    private static RootAnswer Answer(KernelResult result) => result.IsDone ? RootAnswer.Done : RootAnswer.Kernel;
}
