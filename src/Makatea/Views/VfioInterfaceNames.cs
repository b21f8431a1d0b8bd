using Makatea.Platform.Linux;

namespace Makatea.Views;

/// <summary>The kernel's interfaces in words.</summary>
internal static class VfioInterfaceNames
{
    /// <summary>Completes a sentence on who keeps a function: <c>through iommufd</c>.</summary>
    public static string InWords(this VfioInterface kind) => kind == VfioInterface.Iommufd ? "through iommufd" : "through a VFIO container";
}
