namespace Makatea.Sel4;

/// <summary>A manifest in memory, checked as a whole before anything of it is used.</summary>
internal readonly unsafe struct Manifest
{
    /// <summary>Bytes of arguments and environment together for which a component's information may have room.</summary>
    private const ulong MaxTexts = ComponentLayout.InfoTextsLength;

    private const ulong PageMask = 4095;

    private readonly byte* _file;

    private Manifest(byte* file) => _file = file;

    internal int Components => (int)Header->Components.Length;

    internal int Regions => (int)Header->Regions.Length;

    internal int Doorbells => (int)Header->Doorbells.Length;

    internal int Functions => (int)Header->Functions.Length;

    internal int Grants => (int)Header->Grants.Length;

    private ManifestHeader* Header => (ManifestHeader*)_file;

    /// <summary>Checks a manifest.</summary>
    /// <param name="file">The file, at a multiple of 8; it does not change.</param>
    /// <param name="manifest">The manifest, where nothing is wrong with it.</param>
    /// <param name="entry">Number of the entry that is wrong, in the table that the fault is about.</param>
    internal static ManifestFault Open(Text file, out Manifest manifest, out int entry)
    {
        manifest = default;
        entry = 0;
        if (file.Length < (ulong)sizeof(ManifestHeader))
        {
            return ManifestFault.Header;
        }

        var header = (ManifestHeader*)file.Bytes;
        if (header->Magic != ManifestLayout.Magic || header->Version != ManifestLayout.Version || header->Length != file.Length)
        {
            return ManifestFault.Header;
        }

        if (!IsTable(file, header->Components, (ulong)sizeof(ManifestComponent), ManifestLayout.MaxComponents)
            || !IsTable(file, header->Regions, (ulong)sizeof(ManifestRegion), ManifestLayout.MaxObjects)
            || !IsTable(file, header->Doorbells, (ulong)sizeof(ManifestDoorbell), ManifestLayout.MaxObjects)
            || !IsTable(file, header->Functions, (ulong)sizeof(ManifestFunction), ManifestLayout.MaxObjects)
            || !IsTable(file, header->Grants, (ulong)sizeof(ManifestGrant), ManifestLayout.MaxObjects))
        {
            return ManifestFault.Table;
        }

        var candidate = new Manifest(file.Bytes);
        ManifestFault fault = candidate.CheckObjects(file, out entry);
        if (fault == ManifestFault.None)
        {
            fault = candidate.CheckComponents(file, out entry);
        }

        if (fault == ManifestFault.None)
        {
            fault = candidate.CheckGrants(file, out entry);
        }

        manifest = fault == ManifestFault.None ? candidate : default;
        return fault;
    }

    internal ManifestComponent* Component(int number) => (ManifestComponent*)(_file + Header->Components.Offset) + number;

    internal ManifestRegion* Region(int number) => (ManifestRegion*)(_file + Header->Regions.Offset) + number;

    internal ManifestFunction* Function(int number) => (ManifestFunction*)(_file + Header->Functions.Offset) + number;

    internal ManifestGrant* Grant(int number) => (ManifestGrant*)(_file + Header->Grants.Offset) + number;

    internal Text Get(ManifestSpan span) => new(_file + span.Offset, span.Length);

    /// <summary>The region's pages may be reached by a device of some component.</summary>
    internal bool IsForDevices(int region)
    {
        for (int i = 0; i < Grants; i++)
        {
            if (Grant(i)->Kind == GrantKind.Region && Grant(i)->Number == (ulong)region && (Grant(i)->Rights & GrantRights.Device) != 0)
            {
                return true;
            }
        }

        return false;
    }

    private static bool IsTable(Text file, ManifestSpan table, ulong size, ulong most) =>
        table.Length <= most && table.Offset % 8 == 0 && table.Offset <= file.Length && table.Length * size <= file.Length - table.Offset;

    private static bool IsText(Text file, ManifestSpan text) => text.Offset <= file.Length && text.Length <= file.Length - text.Offset && text.Length <= MaxTexts;

    private static bool IsWhole(ulong bytes) => bytes is > 0 and <= ManifestLayout.MaxMemory && (bytes & PageMask) == 0;

    private ManifestFault CheckObjects(Text file, out int entry)
    {
        for (entry = 0; entry < Regions; entry++)
        {
            if (!IsText(file, Region(entry)->Name))
            {
                return ManifestFault.Table;
            }

            if (!IsWhole(Region(entry)->Length))
            {
                return ManifestFault.Memory;
            }
        }

        for (entry = 0; entry < Doorbells; entry++)
        {
            if (!IsText(file, ((ManifestDoorbell*)(_file + Header->Doorbells.Offset))[entry].Name))
            {
                return ManifestFault.Table;
            }
        }

        for (entry = 0; entry < Functions; entry++)
        {
            if (!IsText(file, Function(entry)->Name))
            {
                return ManifestFault.Table;
            }

            if (Function(entry)->Address > ushort.MaxValue || Function(entry)->Vectors > ManifestLayout.MaxVectors)
            {
                return ManifestFault.Grant;
            }
        }

        return ManifestFault.None;
    }

    private ManifestFault CheckComponents(Text file, out int entry)
    {
        for (entry = 0; entry < Components; entry++)
        {
            ManifestComponent* component = Component(entry);
            if (!IsText(file, component->Name) || !IsText(file, component->Program) || !IsText(file, component->Layer)
                || !IsText(file, component->Arguments) || !IsText(file, component->Environment))
            {
                return ManifestFault.Table;
            }

            if (component->Name.Length == 0 || IsNamedBefore(entry))
            {
                return ManifestFault.Name;
            }

            if (component->Memory != 0 && !IsWhole(component->Memory))
            {
                return ManifestFault.Memory;
            }

            if (component->Threads > ManifestLayout.MaxThreads || component->Waiters > ManifestLayout.MaxWaiters || component->Priority is < ManifestLayout.MinPriority or > ManifestLayout.MaxPriority
                || component->Budget < ManifestLayout.MinBudget || component->Budget > component->Period || component->Period > ManifestLayout.MaxPeriod)
            {
                return ManifestFault.Schedule;
            }

            if (!IsEnded(component->Arguments) || !IsEnded(component->Environment) || component->Arguments.Length + component->Environment.Length > MaxTexts)
            {
                return ManifestFault.Arguments;
            }

            if (component->FirstGrant > (ulong)Grants || component->GrantCount > (ulong)Grants - component->FirstGrant || SharesGrants(entry))
            {
                return ManifestFault.GrantRange;
            }
        }

        return ManifestFault.None;
    }

    private ManifestFault CheckGrants(Text file, out int entry)
    {
        for (entry = 0; entry < Grants; entry++)
        {
            ManifestGrant* grant = Grant(entry);
            if (!IsText(file, grant->Name))
            {
                return ManifestFault.Table;
            }

            if (!IsPossible(grant))
            {
                return ManifestFault.Grant;
            }

            if (grant->Kind is GrantKind.Hear or GrantKind.Function or GrantKind.PinInterrupt or GrantKind.Guest && IsGrantedBefore(entry))
            {
                return ManifestFault.Shared;
            }
        }

        return ManifestFault.None;
    }

    private bool IsPossible(ManifestGrant* grant)
    {
        switch (grant->Kind)
        {
            case GrantKind.Region:
                return grant->Number < (ulong)Regions;
            case GrantKind.Guest:
                return grant->Number < (ulong)Regions && Region((int)grant->Number)->Length <= ManifestLayout.MaxGuestMemory && grant->Connection == 0;
            case GrantKind.Ring:
            case GrantKind.Hear:
                return grant->Number < (ulong)Doorbells;
            case GrantKind.Function:
                return grant->Number < (ulong)Functions && grant->Connection == 0;
            case GrantKind.PinInterrupt:
                return grant->Number < ManifestLayout.EndOfPins && grant->Connection == 0;
            case GrantKind.Ports:
                return grant->Length > 0 && grant->Number <= ushort.MaxValue && grant->Length <= 1 + ushort.MaxValue - grant->Number && grant->Connection == 0;
            case GrantKind.Registers:
                return IsWhole(grant->Length) && (grant->Length & (grant->Length - 1)) == 0 && (grant->Number & (grant->Length - 1)) == 0 && grant->Connection == 0;
            case GrantKind.File:
            case GrantKind.Management:
                return grant->Connection == 0;
            default:
                return false;
        }
    }

    private bool IsEnded(ManifestSpan text) => text.Length == 0 || _file[text.Offset + text.Length - 1] == 0;

    private bool IsNamedBefore(int component)
    {
        for (int i = 0; i < component; i++)
        {
            if (Get(Component(i)->Name).Is(Get(Component(component)->Name)))
            {
                return true;
            }
        }

        return false;
    }

    private bool SharesGrants(int component)
    {
        ManifestComponent* one = Component(component);
        for (int i = 0; i < component; i++)
        {
            ManifestComponent* other = Component(i);
            if (one->FirstGrant < other->FirstGrant + other->GrantCount && other->FirstGrant < one->FirstGrant + one->GrantCount)
            {
                return true;
            }
        }

        return false;
    }

    private bool IsGrantedBefore(int grant)
    {
        for (int i = 0; i < grant; i++)
        {
            if (Grant(i)->Kind == Grant(grant)->Kind && Grant(i)->Number == Grant(grant)->Number)
            {
                return true;
            }
        }

        return false;
    }
}
