using System.Collections.Concurrent;

namespace Makatea.EndToEnd;

/// <summary>
/// The kernel and initramfs from which test guests boot, made once per test run by scripts/guest-assets.sh, with the program of
/// tests/Images/BlockStress in it.
/// </summary>
internal static class GuestAssets
{
    private static readonly Lazy<string> _folder = new(Make);
    private static readonly Lazy<string> _adapters = new(() => Run("--adapters"));

    private static readonly Lazy<string> _network = new(() => Run("--network", "--tool", ImagePrograms.Publish("NetTraffic")));

    private static readonly Lazy<string> _kvm = new(() => Run(
        "--kvm", Initramfs, "--tool", Tool.Find("qemu-storage-daemon")!, "--tool", ImagePrograms.Publish("AotSmoke"), "--tool", ImagePrograms.PublishProgram("src/Vmm.Linux", "makatea-vmm")));

    private static readonly ConcurrentDictionary<(string Folder, bool HasIommufd), Lazy<string>> _withProgram = [];

    /// <summary>The kernel.</summary>
    public static string Kernel => Path.Combine(_folder.Value, "vmlinuz");

    /// <summary>The initramfs.</summary>
    public static string Initramfs => Path.Combine(_folder.Value, "initramfs.gz");

    /// <summary>A kernel with drivers of real network adapters, and the initramfs that has them.</summary>
    public static (string Kernel, string Initramfs) Adapters
    {
        get
        {
            _ = _folder.Value;
            return (Path.Combine(_adapters.Value, "vmlinuz"), Path.Combine(_adapters.Value, "initramfs.gz"));
        }
    }

    /// <summary>A kernel with netem, and the initramfs that has tc, ethtool and the program of tests/Images/NetTraffic.</summary>
    public static (string Kernel, string Initramfs) Network
    {
        get
        {
            _ = _folder.Value;
            return (Path.Combine(_network.Value, "vmlinuz"), Path.Combine(_network.Value, "initramfs.gz"));
        }
    }

    /// <summary>
    /// A kernel with KVM, and the initramfs that has makatea-vmm, the back ends qemu-storage-daemon and aotsmoke, and what guests of it boot from: /boot/vmlinuz, /boot/vmlinux, /boot/initramfs.gz.
    /// </summary>
    public static (string Kernel, string Initramfs) Kvm
    {
        get
        {
            _ = _folder.Value;
            return (Path.Combine(_kvm.Value, "vmlinuz"), Path.Combine(_kvm.Value, "initramfs.gz"));
        }
    }

    /// <summary>An initramfs with one more program of tests/Images in it.</summary>
    /// <param name="folder">The program's folder.</param>
    public static string InitramfsWith(string folder) => With(folder, hasIommufd: false).Initramfs;

    /// <summary>A kernel and an initramfs with one more program of tests/Images in it.</summary>
    /// <param name="folder">The program's folder.</param>
    /// <param name="hasIommufd">Whether it is a kernel that has iommufd.</param>
    public static (string Kernel, string Initramfs) With(string folder, bool hasIommufd)
    {
        _ = _folder.Value;
        string made = _withProgram.GetOrAdd((folder, hasIommufd), _ => new(() => Run([.. hasIommufd ? new[] { "--iommufd" } : [], "--tool", ImagePrograms.Publish(folder)]))).Value;
        return (Path.Combine(made, "vmlinuz"), Path.Combine(made, "initramfs.gz"));
    }

    private static string Make()
    {
        foreach ((string program, string package) in new[]
        {
            ("qemu-system-x86_64", "qemu-system-x86"), ("qemu-storage-daemon", "qemu-system-common"), ("busybox", "busybox-static"),
            ("cpio", "cpio"), ("mkfs.ext4", "e2fsprogs"), ("debugfs", "e2fsprogs"),
        })
        {
            Skip.IfNot(Tool.Exists(program), $"{program} is missing: apt-get install {package} (./test.sh does)");
        }

        return Run("--tool", ImagePrograms.Publish("BlockStress"));
    }

    private static string Run(params string[] arguments)
    {
        const int Unreachable = 3;
        (int status, string output) = Tool.TryRun(TimeSpan.FromMinutes(5), Repository.File("scripts/guest-assets.sh"), arguments);
        Skip.If(status == Unreachable, output.TrimEnd().Split('\n')[^1]);
        return status == 0
            ? output.TrimEnd().Split('\n')[^1]
            : throw new InvalidOperationException($"scripts/guest-assets.sh ended with status {status}:\n{output}");
    }
}
