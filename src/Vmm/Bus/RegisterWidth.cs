namespace Makatea.Vmm;

/// <summary>Widths of accesses, in bytes.</summary>
public static class RegisterWidth
{
    /// <summary>All ones of a width: what a read gives where nothing answers.</summary>
    /// <param name="width">1 to 8 bytes.</param>
    public static ulong Mask(int width) => ulong.MaxValue >> (64 - (width * 8));
}
