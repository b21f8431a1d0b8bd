namespace Makatea.Platform.Linux;

/// <summary>The kernel's interface to the DMA spaces of VFIO.</summary>
public enum VfioInterface
{
    /// <summary>There is none, or the module that has it is not loaded.</summary>
    None,

    /// <summary>Containers, into which IOMMU groups are put: <c>/dev/vfio/vfio</c> and <c>/dev/vfio/GROUP</c>.</summary>
    Container,

    /// <summary>iommufd, to which functions are bound: <c>/dev/iommu</c> and <c>/dev/vfio/devices/vfioN</c> (Linux 6.6, where it was built with both).</summary>
    Iommufd,
}

/// <summary>What this kernel offers.</summary>
internal static class VfioInterfaces
{
    /// <summary>The interface that is used here: iommufd where the kernel has it for devices as well, else containers.</summary>
    internal static VfioInterface Preferred() => Preferred("/proc");

    /// <summary>As <see cref="Preferred()"/>, with proc elsewhere.</summary>
    internal static VfioInterface Preferred(string proc)
    {
        string[] misc = Names(Path.Combine(proc, "misc"));
        return misc.Contains("iommu") && Names(Path.Combine(proc, "devices")).Contains("vfio-dev") ? VfioInterface.Iommufd
            : misc.Contains("vfio") ? VfioInterface.Container
            : VfioInterface.None;
    }

    /// <summary>The names in a list of numbers and names.</summary>
    private static string[] Names(string file) =>
        [.. (SysfsPci.Read(file) ?? "").Split('\n').Select(l => l.Split(' ', StringSplitOptions.RemoveEmptyEntries)).Where(w => w.Length == 2).Select(w => w[1])];
}
