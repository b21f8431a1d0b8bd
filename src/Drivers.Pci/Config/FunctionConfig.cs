using Makatea.Platform;

namespace Makatea.Drivers.Pci;

/// <summary>Configuration space of one function of a machine.</summary>
internal sealed class FunctionConfig(ConfigAccess config, PciAddress function) : PciConfigSpace
{
    /// <inheritdoc/>
    public override uint Read(int offset, int width) => config.Read(function, offset, width);

    /// <inheritdoc/>
    public override void Write(int offset, int width, uint value) => config.Write(function, offset, width, value);
}
