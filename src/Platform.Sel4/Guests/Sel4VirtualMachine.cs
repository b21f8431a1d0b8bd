using Makatea.Sel4;

namespace Makatea.Platform.Sel4;

/// <summary>A guest that the root task made: one virtual processor, and a region for its memory, which is where it is for as long as the component runs.</summary>
internal sealed class Sel4VirtualMachine : VirtualMachine
{
    private readonly KernelGate _kernel;
    private readonly ComponentTable _table;
    private readonly GrantEntry _guest;
    private readonly GrantEntry _region;
    private MsrPermission[] _permissions = [];
    private bool _isMapped;
    private bool _hasCpu;

    internal Sel4VirtualMachine(KernelGate kernel, ComponentTable table, GrantEntry guest)
    {
        _kernel = kernel;
        _table = table;
        _guest = guest;
        _region = table.Grants.FirstOrDefault(g => g.Kind == GrantKind.Region && g.Number == guest.Number)
            ?? throw new GrantException($"component '{table.Name}' has guest '{guest.Name}', and not its memory");
        Info = new()
        {
            Host = "seL4",
            IsEmulated = false,
            Cpuid = GuestFeatures.Read(ExtendedState),
            StateMsrs = [],
            FeatureMsrs = [],
            MaximumCpus = 1,
            MaximumRegions = 1,
            CanScaleTsc = false,
        };
    }

    /// <inheritdoc/>
    public override VirtualMachineInfo Info { get; }

    /// <summary>XCR0, the kernel's and all guests'.</summary>
    internal ulong ExtendedState => (ulong)_table.BoardValue(BoardValue.XSaveFeatures);

    /// <summary>Frequency of the machine's counter, as the kernel found it.</summary>
    internal ulong TscFrequency => _table.TicksPerMicrosecond * 1_000_000;

    /// <inheritdoc/>
    public override void AllowMsrs(ReadOnlySpan<MsrPermission> permissions)
    {
        foreach (MsrPermission permission in permissions)
        {
            if (permission.Count == 0 || permission.First + (permission.Count - 1) < permission.First)
            {
                throw new ArgumentException($"{permission.Count} MSRs from 0x{permission.First:x} are none, or wrap", nameof(permissions));
            }
        }

        _permissions = permissions.ToArray();
    }

    /// <inheritdoc/>
    public override VirtualCpu CreateCpu(uint id)
    {
        if (_hasCpu || id != 0)
        {
            throw new IOException($"guest '{_guest.Name}' has one processor, number 0; another was to be made, number {id}");
        }

        _hasCpu = true;
        return new Sel4VirtualCpu(_kernel.OpenGuest(_guest), this, id);
    }

    /// <inheritdoc/>
    /// <remarks>The root task has mapped the region already, from address 0.</remarks>
    public override void Map(GuestMemoryRegion region)
    {
        ArgumentNullException.ThrowIfNull(region);
        nint address = region.Memory.Address + (nint)region.Offset;
        if (_isMapped || region.GuestAddress != 0 || address != _region.Address || region.Length != _region.Length || region.Access != MemoryAccess.ReadWrite)
        {
            throw new IOException($"the memory of guest '{_guest.Name}' is region '{_region.Name}' from address 0, 0x{_region.Length:x} bytes, read and write; 0x{region.Length:x} bytes at 0x{region.GuestAddress:x} were to be mapped");
        }

        _isMapped = true;
    }

    /// <inheritdoc/>
    /// <exception cref="IOException">The region is the guest's for as long as the component runs.</exception>
    public override void Unmap(ulong guestAddress) =>
        throw (_isMapped && guestAddress == 0
            ? new IOException($"the memory of guest '{_guest.Name}' stays: the root task mapped it")
            : new ArgumentException($"no region starts at 0x{guestAddress:x}", nameof(guestAddress)));

    /// <inheritdoc/>
    /// <exception cref="IOException">Always: each access comes out of the guest, and is told.</exception>
    public override IDisposable AttachDoorbell(DoorbellTrigger trigger, Doorbell doorbell) =>
        throw new IOException("seL4 rings no doorbell in a guest's stead: the access comes out of it");

    /// <summary>The guest uses an MSR without asking the VMM.</summary>
    internal bool Allows(uint number, bool isWrite)
    {
        MemoryAccess access = isWrite ? MemoryAccess.Write : MemoryAccess.Read;
        foreach (ref readonly MsrPermission permission in _permissions.AsSpan())
        {
            if (number - permission.First < permission.Count)
            {
                return permission.Access.HasFlag(access);
            }
        }

        return false;
    }

    /// <summary>Reads a number of the guest's memory.</summary>
    internal unsafe bool TryRead(ulong address, out ulong value)
    {
        bool isThere = address <= _region.Length - sizeof(ulong);
        value = isThere ? Volatile.Read(ref *(ulong*)(_region.Address + (nint)address)) : 0;
        return isThere;
    }

    /// <summary>The machine's counter at a moment of CLOCK_MONOTONIC, in nanoseconds.</summary>
    internal ulong TicksAt(long timestamp) => _table.StartTicks + (ulong)((UInt128)(ulong)timestamp * _table.TicksPerMicrosecond / 1000);

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        // All of it ends with the component.
    }
}
