namespace Makatea.Sel4;

/// <summary>Starts components by the manifest, connects them, hears their faults and requests, and starts again what fails.</summary>
internal static unsafe partial class Supervisor
{
    private const int MaxInterrupts = 256;
    private const ulong PageSize = 4096;
    private const int PageBits = 12;
    private const int LargePageBits = 21;

    private static Resources* s_machine;
    private static Manifest s_manifest;
    private static Holdings s_shared;
    private static uint s_console;
    private static ComponentRecord* s_components;
    private static RegionRecord* s_regions;
    private static DoorbellRecord* s_doorbells;
    private static GrantRecord* s_grants;
    private static FunctionRecord* s_functions;
    private static InterruptRecord* s_interrupts;

    /// <summary>Takes a manifest, and makes what components share.</summary>
    /// <param name="machine">What there is; it stays where it is.</param>
    /// <param name="manifest">A manifest that was checked.</param>
    /// <returns>False where there is not enough memory.</returns>
    internal static bool TryOpen(Resources* machine, Manifest manifest)
    {
        s_machine = machine;
        s_manifest = manifest;
        byte* tables = machine->SystemTables;
        s_components = (ComponentRecord*)tables;
        s_regions = (RegionRecord*)(s_components + ManifestLayout.MaxComponents);
        s_doorbells = (DoorbellRecord*)(s_regions + ManifestLayout.MaxObjects);
        s_grants = (GrantRecord*)(s_doorbells + ManifestLayout.MaxObjects);
        s_functions = (FunctionRecord*)(s_grants + ManifestLayout.MaxObjects);
        s_interrupts = (InterruptRecord*)(s_functions + ManifestLayout.MaxObjects);
        for (int number = 0; number < manifest.Components; number++)
        {
            ManifestComponent* described = manifest.Component(number);
            for (ulong i = 0; i < described->GrantCount; i++)
            {
                s_grants[described->FirstGrant + i].Owner = number;
            }
        }

        return (byte*)(s_interrupts + MaxInterrupts) <= tables + Resources.SystemTablesLength && TryMakeShared() && TryOpenSpaces() && ConfigPorts.Open(machine->Own.TakeSlot()) && TryStartClock();
    }

    /// <summary>Starts what is started at boot.</summary>
    internal static void StartAll()
    {
        for (int i = 0; i < s_manifest.Components; i++)
        {
            if ((s_manifest.Component(i)->Flags & ComponentFlags.Start) != 0)
            {
                Say(i, Start(i));
            }
        }
    }

    /// <summary>Starts a component. Why it cannot be started is said on the console.</summary>
    internal static RootAnswer Start(int number)
    {
        if (s_components[number].IsThere)
        {
            return RootAnswer.State;
        }

        ComponentFault fault = TryStart(number);
        if (fault == ComponentFault.None)
        {
            return RootAnswer.Done;
        }

        Report.NotStarted(NameOf(number), fault);

        s_components[number].State = ComponentState.Failed;
        return fault == ComponentFault.Memory ? RootAnswer.Memory : fault == ComponentFault.Kernel ? RootAnswer.Kernel : RootAnswer.Invalid;
    }

    /// <summary>Ends a component; nothing of it is left, and nobody else notices but those who ring for it.</summary>
    /// <param name="number">Its number.</param>
    /// <param name="state">What it is said to be from then on.</param>
    internal static RootAnswer Stop(int number, ComponentState state)
    {
        if (!s_components[number].IsThere)
        {
            return RootAnswer.State;
        }

        TakeBack(number);
        bool whole = s_components[number].Component.Destroy();
        s_components[number].State = state;
        return whole ? RootAnswer.Done : RootAnswer.Kernel;
    }

    /// <summary>Says of what nobody asked for that it was done.</summary>
    private static void Say(int number, RootAnswer answer)
    {
        if (answer == RootAnswer.Done)
        {
            Report.Started(NameOf(number), s_components[number].Generation);
        }
    }

    private static ComponentFault TryStart(int number)
    {
        ManifestComponent* described = s_manifest.Component(number);
        ComponentPlan plan = default;
        plan.Number = (uint)number;
        plan.Generation = s_components[number].Generation + 1;
        plan.Name = s_manifest.Get(described->Name);
        plan.Arguments = s_manifest.Get(described->Arguments);
        plan.Environment = s_manifest.Get(described->Environment);
        plan.Memory = described->Memory;
        plan.Waiters = (uint)described->Waiters;
        plan.Priority = (int)described->Priority;
        plan.Budget = described->Budget;
        plan.Period = described->Period;
        plan.Console = s_console;
        plan.ServesConsole = (described->Flags & ComponentFlags.Console) != 0;
        bool isServed = described->Layer.Length != 0;
        plan.Threads = isServed ? (uint)described->Threads : 0;
        if (!Archive.TryFind(s_manifest.Get(isServed ? described->Layer : described->Program), out plan.Layer)
            || (isServed && !Archive.TryFind(s_manifest.Get(described->Program), out plan.Program)))
        {
            return ComponentFault.Program;
        }

        if (!TryPlanGrants(described, ref plan))
        {
            return ComponentFault.Grant;
        }

        ComponentFault fault = Component.Make(s_machine, plan, out s_components[number].Component);
        if (fault != ComponentFault.None)
        {
            return fault;
        }

        ref ComponentRecord record = ref s_components[number];
        record.State = ComponentState.Running;
        record.Used = record.Pauses = 0;
        record.Left = (long)plan.Budget;
        record.StandsStill = false;
        fault = Grant(number);
        if (fault == ComponentFault.None && s_components[number].Component.Run())
        {
            s_components[number].Generation = plan.Generation;
            return ComponentFault.None;
        }

        Stop(number, ComponentState.Failed);
        return fault == ComponentFault.None ? ComponentFault.Kernel : fault;
    }

    /// <summary>Regions and the console's endpoint outlive components.</summary>
    private static bool TryMakeShared()
    {
        uint slots = 8;
        for (int i = 0; i < s_manifest.Regions; i++)
        {
            ulong length = s_manifest.Region(i)->Length;

            // The IOMMU's tables know small pages alone.
            int bits = s_manifest.IsForDevices(i) || length % (1ul << LargePageBits) != 0 ? PageBits : LargePageBits;
            s_regions[i].PageBits = bits;
            s_regions[i].Pages = (uint)(length >> bits);
            slots += s_regions[i].Pages;
        }

        if (!Holdings.TryStart(s_machine, slots, out s_shared))
        {
            return false;
        }

        s_console = HasConsole() ? s_shared.Make(BoardValue.ObjectEndpoint) : 0;
        for (int i = 0; i < s_manifest.Regions; i++)
        {
            for (uint page = 0; page < s_regions[i].Pages; page++)
            {
                int bits = s_regions[i].PageBits;
                uint slot = s_shared.Make(bits == PageBits ? BoardValue.ObjectPage : BoardValue.ObjectLargePage, bits);
                if (slot == SlotAllocator.None)
                {
                    return false;
                }

                s_regions[i].FirstPage = page == 0 ? slot : s_regions[i].FirstPage;
            }
        }

        return true;
    }

    private static bool HasConsole()
    {
        for (int i = 0; i < s_manifest.Components; i++)
        {
            if ((s_manifest.Component(i)->Flags & ComponentFlags.Console) != 0)
            {
                return true;
            }
        }

        return false;
    }
}
