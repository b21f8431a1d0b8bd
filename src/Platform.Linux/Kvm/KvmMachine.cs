using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Makatea.Platform.Linux;

/// <summary>
/// A virtual machine of KVM's, without its interrupt controllers. Guest-physical 0xfffbc000 to 0xfffbffff are KVM's own on processors that cannot run real mode by themselves.
/// </summary>
internal sealed unsafe class KvmMachine : VirtualMachine
{
    private const ulong PageMask = 4095;
    private const ulong IdentityMapAddress = 0xfffbc000;
    private const long TaskStateAddress = 0xfffbd000;

    private readonly SafeFileHandle _machine;
    private readonly int _runLength;
    private readonly Lock _lock = new();

    // By slot number.
    private readonly List<GuestMemoryRegion?> _slots = [];

    private KvmMachine(SafeFileHandle machine, int runLength, VirtualMachineInfo info)
    {
        _machine = machine;
        _runLength = runLength;
        Info = info;
    }

    /// <inheritdoc/>
    public override VirtualMachineInfo Info { get; }

    /// <summary>Makes one.</summary>
    /// <exception cref="IOException">The kernel refuses.</exception>
    internal static KvmMachine Create(SafeFileHandle device, VirtualMachineInfo info)
    {
        int runLength = Libc.IoctlNumber(device, Libc.KVM_GET_VCPU_MMAP_SIZE, 0);
        if (runLength < sizeof(Libc.KvmRun))
        {
            throw new IOException($"KVM shares {runLength} bytes of a processor's; at least {sizeof(Libc.KvmRun)} were expected");
        }

        int fd;
        do
        {
            fd = Libc.IoctlNumber(device, Libc.KVM_CREATE_VM, 0);
        }
        while (fd < 0 && Errno.Last == Errno.EINTR);

        var machine = new KvmMachine(LinuxError.Descriptor(fd, "cannot make a virtual machine", "KVM_CREATE_VM"), runLength, info);
        try
        {
            machine.Prepare();
            return machine;
        }
        catch
        {
            machine.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public override void AllowMsrs(ReadOnlySpan<MsrPermission> permissions)
    {
        KvmMsrFilter filter = new();
        foreach (MsrPermission permission in permissions)
        {
            filter.Add(permission);
        }

        SetFilter(filter);
    }

    /// <inheritdoc/>
    public override VirtualCpu CreateCpu(uint id)
    {
        SafeFileHandle cpu = LinuxError.Descriptor(Libc.IoctlNumber(_machine, Libc.KVM_CREATE_VCPU, (nint)id), $"cannot make virtual processor {id}", "KVM_CREATE_VCPU");
        return KvmCpu.Create(cpu, id, _runLength, ExtendedStateLength(), Info);
    }

    /// <inheritdoc/>
    public override void Map(GuestMemoryRegion region)
    {
        ArgumentNullException.ThrowIfNull(region);
        nint address = region.Memory.Address + (nint)region.Offset;
        if (region.Length == 0 || ((region.GuestAddress | region.Length | (ulong)address) & PageMask) != 0
            || region.Offset > region.Memory.Length || region.Length > region.Memory.Length - region.Offset || !region.Access.HasFlag(MemoryAccess.Read))
        {
            throw new ArgumentException(
                $"0x{region.Length:x} bytes at guest address 0x{region.GuestAddress:x}, offset 0x{region.Offset:x} of 0x{region.Memory.Length:x}, access {region.Access}: "
                + "a region is whole pages inside its mapping that can be read", nameof(region));
        }

        lock (_lock)
        {
            int slot = _slots.IndexOf(null);
            slot = slot < 0 ? _slots.Count : slot;
            SetRegion(slot, region.GuestAddress, region.Length, address, region.Access.HasFlag(MemoryAccess.Write) ? 0 : Libc.KVM_MEM_READONLY);
            if (slot == _slots.Count)
            {
                _slots.Add(region);
            }
            else
            {
                _slots[slot] = region;
            }
        }
    }

    /// <inheritdoc/>
    public override void Unmap(ulong guestAddress)
    {
        lock (_lock)
        {
            int slot = _slots.FindIndex(region => region?.GuestAddress == guestAddress);
            if (slot < 0)
            {
                throw new ArgumentException($"no memory is mapped that starts at guest address 0x{guestAddress:x}", nameof(guestAddress));
            }

            SetRegion(slot, guestAddress, 0, 0, 0);
            _slots[slot] = null;
        }
    }

    /// <inheritdoc/>
    public override IDisposable AttachDoorbell(DoorbellTrigger trigger, Doorbell doorbell) => KvmDoorbell.Attach(_machine, trigger, doorbell);

    /// <inheritdoc/>
    public override ulong? Clock
    {
        get
        {
            Libc.KvmClock clock;
            return Libc.Ioctl(_machine, Libc.KVM_GET_CLOCK, &clock) >= 0 ? clock.Nanoseconds : null;
        }

        set
        {
            if (value is { } nanoseconds && Clock is not null)
            {
                Libc.KvmClock clock = new() { Nanoseconds = nanoseconds };
                Require(Libc.Ioctl(_machine, Libc.KVM_SET_CLOCK, &clock), "KVM_SET_CLOCK");
            }
        }
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing) => _machine.Dispose();

    /// <summary>What has to be said before there are processors.</summary>
    private void Prepare()
    {
        Require(Libc.IoctlNumber(_machine, Libc.KVM_SET_TSS_ADDR, unchecked((nint)TaskStateAddress)), "KVM_SET_TSS_ADDR");
        ulong identityMap = IdentityMapAddress;
        Require(Libc.Ioctl(_machine, Libc.KVM_SET_IDENTITY_MAP_ADDR, &identityMap), "KVM_SET_IDENTITY_MAP_ADDR");

        // INVAL: x2APIC's registers, which no filter covers, are invalid where KVM has no APIC, and ours then.
        Require(
            Enable(KvmRequirements.KVM_CAP_X86_USER_SPACE_MSR, Libc.KVM_MSR_EXIT_REASON_INVAL | Libc.KVM_MSR_EXIT_REASON_UNKNOWN | Libc.KVM_MSR_EXIT_REASON_FILTER),
            "KVM_CAP_X86_USER_SPACE_MSR");
        SetFilter(new());

        // Since Linux 5.15. Without it, KVM raises #UD itself where the guest's user programs do what it cannot decode.
        if (Libc.KvmCheckExtension(_machine, KvmRequirements.KVM_CAP_EXIT_ON_EMULATION_FAILURE) > 0)
        {
            Require(Enable(KvmRequirements.KVM_CAP_EXIT_ON_EMULATION_FAILURE, 1), "KVM_CAP_EXIT_ON_EMULATION_FAILURE");
        }
    }

    private int Enable(int capability, ulong argument)
    {
        Libc.KvmEnableCapability request = new() { Capability = (uint)capability, Argument = argument };
        return Libc.Ioctl(_machine, Libc.KVM_ENABLE_CAP, &request);
    }

    private void SetFilter(KvmMsrFilter filter)
    {
        (uint First, uint Flags, byte[] Bitmap)[] ranges = [.. filter.Ranges()];
        GCHandle[] pins = Array.ConvertAll(ranges, range => GCHandle.Alloc(range.Bitmap, GCHandleType.Pinned));
        try
        {
            Libc.KvmMsrFilter request = new() { Flags = Libc.KVM_MSR_FILTER_DEFAULT_DENY };
            for (int i = 0; i < ranges.Length; i++)
            {
                (&request.FirstRange)[i] = new()
                {
                    Flags = ranges[i].Flags,
                    First = ranges[i].First,
                    Count = (uint)ranges[i].Bitmap.Length * 8,
                    Bitmap = (byte*)pins[i].AddrOfPinnedObject(),
                };
            }

            Require(Libc.Ioctl(_machine, Libc.KVM_X86_SET_MSR_FILTER, &request), "KVM_X86_SET_MSR_FILTER");
        }
        finally
        {
            Array.ForEach(pins, pin => pin.Free());
        }
    }

    private void SetRegion(int slot, ulong guestAddress, ulong length, nint hostAddress, uint flags)
    {
        Libc.KvmMemoryRegion request = new() { Slot = (uint)slot, Flags = flags, GuestAddress = guestAddress, Length = length, HostAddress = hostAddress };
        if (Libc.IoctlRetried(_machine, Libc.KVM_SET_USER_MEMORY_REGION, &request) < 0)
        {
            int errno = Errno.Last;
            throw LinuxError.Io($"cannot {(length == 0 ? "unmap" : "map")} guest memory at 0x{guestAddress:x}", "KVM_SET_USER_MEMORY_REGION", errno, errno switch
            {
                Errno.EEXIST => "it overlaps memory that is mapped",
                Errno.EINVAL => $"there may be no more than {Info.MaximumRegions} regions, below the processor's highest address",
                _ => null,
            });
        }
    }

    /// <summary>Bytes of the extended state, which depend on what the process may use.</summary>
    private int ExtendedStateLength() => Math.Max(Libc.KvmCheckExtension(_machine, KvmRequirements.KVM_CAP_XSAVE2), Libc.KvmXsaveLength);

    private static void Require(int result, string call)
    {
        if (result < 0)
        {
            throw LinuxError.Io("cannot set up a virtual machine", call, Errno.Last);
        }
    }
}
