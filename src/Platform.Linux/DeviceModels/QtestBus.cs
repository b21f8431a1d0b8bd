namespace Makatea.Platform.Linux;

/// <summary>The memory or the ports of a machine of device models as a bus of registers.</summary>
internal sealed class QtestBus(QtestConnection qtest, bool isPorts) : RegisterBus
{
    /// <inheritdoc/>
    public override ulong Read(ulong address, int width) => qtest.Access(
        (isPorts, width) switch
        {
            (false, 1) => "readb "u8,
            (false, 2) => "readw "u8,
            (false, 4) => "readl "u8,
            (false, 8) => "readq "u8,
            (true, 1) => "inb "u8,
            (true, 2) => "inw "u8,
            (true, 4) => "inl "u8,
            _ => throw Refuse(width),
        },
        address, null);

    /// <inheritdoc/>
    public override void Write(ulong address, int width, ulong value) => qtest.Access(
        (isPorts, width) switch
        {
            (false, 1) => "writeb "u8,
            (false, 2) => "writew "u8,
            (false, 4) => "writel "u8,
            (false, 8) => "writeq "u8,
            (true, 1) => "outb "u8,
            (true, 2) => "outw "u8,
            (true, 4) => "outl "u8,
            _ => throw Refuse(width),
        },
        address, value);

    private ArgumentOutOfRangeException Refuse(int width) =>
        new(nameof(width), $"an access of {width} bytes; {(isPorts ? "ports take 1, 2 or 4" : "memory takes 1, 2, 4 or 8")}");
}
