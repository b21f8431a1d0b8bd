using System.Runtime.Intrinsics.X86;
using Microsoft.Win32.SafeHandles;

namespace Makatea.Platform.Linux;

/// <summary>KVM on this machine: makes virtual machines. One descriptor of /dev/kvm, opened here or granted.</summary>
public sealed class KvmHost : IDisposable
{
    /// <summary>Where the kernel has KVM.</summary>
    public const string DevicePath = "/dev/kvm";

    // Of Hyper-V's interface, which guests do not get; some of them are clocks.
    private const uint FirstHyperVMsr = 0x40000000;
    private const uint HyperVMsrs = 0x1000;

    private readonly SafeFileHandle _device;

    private KvmHost(SafeFileHandle device)
    {
        _device = device;
        try
        {
            KvmRequirements.CheckVersion(device);
            KvmRequirements.Check(device);
            Info = new()
            {
                Host = "KVM",
                IsEmulated = !HasHardwareVirtualization(),
                Cpuid = KvmTables.ReadCpuid(device),
                StateMsrs = [.. KvmTables.ReadIndices(device, Libc.KVM_GET_MSR_INDEX_LIST).Where(msr => msr - FirstHyperVMsr >= HyperVMsrs)],
                FeatureMsrs = KvmTables.ReadFeatures(device),
                MaximumCpus = Libc.KvmCheckExtension(device, KvmRequirements.KVM_CAP_MAX_VCPUS),
                MaximumRegions = Libc.KvmCheckExtension(device, KvmRequirements.KVM_CAP_NR_MEMSLOTS),
                CanScaleTsc = Libc.KvmCheckExtension(device, KvmRequirements.KVM_CAP_TSC_CONTROL) > 0,
            };
        }
        catch
        {
            device.Dispose();
            throw;
        }
    }

    /// <summary>What it can do.</summary>
    public VirtualMachineInfo Info { get; }

    /// <summary>Opens /dev/kvm.</summary>
    /// <exception cref="IOException">There is none, it may not be used, or the kernel's KVM lacks something; the message says what to do.</exception>
    public static KvmHost Open()
    {
        int fd = Libc.Open(DevicePath, Libc.O_RDWR | Libc.O_CLOEXEC);
        int errno = fd < 0 ? Errno.Last : 0;
        return fd >= 0
            ? new KvmHost(new SafeFileHandle(fd, ownsHandle: true))
            : throw LinuxError.Io($"cannot open {DevicePath}", "open", errno, errno switch
            {
                Errno.ENOENT or Errno.ENODEV or Errno.ENXIO =>
                    "load the module kvm_intel or kvm_amd; if it does not load, turn on VT-x or SVM in the firmware, or nested virtualisation if this is a virtual machine itself",
                Errno.EACCES or Errno.EPERM => "be root, or a member of the group that owns it (usermod -aG kvm USER)",
                _ => null,
            });
    }

    /// <summary>Uses a descriptor of /dev/kvm that was granted.</summary>
    /// <param name="grant">The descriptor; the host has one of its own afterwards.</param>
    /// <exception cref="GrantException">It is no descriptor of /dev/kvm.</exception>
    /// <exception cref="IOException">The kernel's KVM lacks something.</exception>
    public static KvmHost Open(LinuxGrant grant)
    {
        ArgumentNullException.ThrowIfNull(grant);
        return Libc.IoctlNumber(grant.Handle, Libc.KVM_GET_API_VERSION, 0) < 0
            ? throw new GrantException($"what was granted as KVM is no descriptor of {DevicePath}: {Errno.Describe(Errno.Last)}")
            : new KvmHost(LinuxGrant.Duplicate(grant.Handle));
    }

    /// <summary>Makes a machine without memory and processors.</summary>
    /// <exception cref="IOException">The kernel refuses.</exception>
    public VirtualMachine CreateMachine() => KvmMachine.Create(_device, Info);

    /// <summary>Closes /dev/kvm. Machines stay.</summary>
    public void Dispose() => _device.Dispose();

    /// <summary>VMX in CPUID leaf 1 ([SDM] 3C 24.6), SVM in 0x80000001 ([APM] 2 15.4). A processor without either runs KVM on something else.</summary>
    private static bool HasHardwareVirtualization()
    {
        const int Vmx = 1 << 5;
        const int Svm = 1 << 2;
        const int Extended = unchecked((int)0x80000000);
        return X86Base.IsSupported
            && ((X86Base.CpuId(1, 0).Ecx & Vmx) != 0
                || ((uint)X86Base.CpuId(Extended, 0).Eax > unchecked((uint)Extended) && (X86Base.CpuId(Extended + 1, 0).Ecx & Svm) != 0));
    }
}
