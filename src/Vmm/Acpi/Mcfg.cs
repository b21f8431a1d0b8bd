using Makatea.Vmm.Boot;

namespace Makatea.Vmm.Acpi;

/// <summary>Where configuration space is in memory ([PCI-FW-3.3] 4.1.2): bus 0 of segment 0.</summary>
internal static class Mcfg
{
    internal static byte[] Create() => new TableBuilder("MCFG", 1)
        .Add(0UL)
        .Add(GuestLayout.Ecam.First).Add((ushort)0).Add((byte)0).Add((byte)0).Add(0U)
        .Close();
}
