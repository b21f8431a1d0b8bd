namespace Makatea.Platform;

/// <summary>
/// Registers that are not mapped into this component and are reached one access at a time: I/O ports, a device model in another process,
/// a function whose accesses somebody else checks.
/// </summary>
public abstract class RegisterBus
{
    /// <summary>Reads a register.</summary>
    /// <param name="address">Its address on the bus, aligned to its width.</param>
    /// <param name="width">1, 2, 4 or 8 bytes.</param>
    /// <returns>The value; all ones where nothing answers.</returns>
    public abstract ulong Read(ulong address, int width);

    /// <summary>Writes a register. Where nothing answers, nothing happens.</summary>
    /// <param name="address">Its address on the bus, aligned to its width.</param>
    /// <param name="width">1, 2, 4 or 8 bytes.</param>
    /// <param name="value">The value, in the low bits.</param>
    public abstract void Write(ulong address, int width, ulong value);
}
