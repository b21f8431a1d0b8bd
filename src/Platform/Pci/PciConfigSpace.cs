namespace Makatea.Platform;

/// <summary>Configuration space of one function as whoever hands the function out reaches it: all of it may be written. What components get is <see cref="PciFunction"/>.</summary>
public abstract class PciConfigSpace
{
    /// <summary>Reads; all ones where the function does not answer.</summary>
    /// <param name="offset">Offset, aligned to its width and inside the space.</param>
    /// <param name="width">1, 2 or 4 bytes.</param>
    public abstract uint Read(int offset, int width);

    /// <summary>Writes.</summary>
    /// <param name="offset">Offset, aligned to its width and inside the space.</param>
    /// <param name="width">1, 2 or 4 bytes.</param>
    /// <param name="value">The value, in the low bits.</param>
    public abstract void Write(int offset, int width, uint value);
}
