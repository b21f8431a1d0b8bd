namespace Makatea.Drivers.E1000;

/// <summary>The sizes of receive buffers that RCTL can express ([8254x-SDM] 13.4 RCTL.BSIZE and BSEX).</summary>
/// <param name="Length">Bytes that the controller fills of each buffer.</param>
/// <param name="Bits">The bits of <see cref="Register.ReceiveControl"/>.</param>
internal readonly record struct ReceiveBufferSize(int Length, uint Bits)
{
    private static readonly ReceiveBufferSize[] sizes =
    [
        new(16384, ReceiveBits.BufferSizeExtension | (1u << ReceiveBits.BufferSizeShift)),
        new(8192, ReceiveBits.BufferSizeExtension | (2u << ReceiveBits.BufferSizeShift)),
        new(4096, ReceiveBits.BufferSizeExtension | (3u << ReceiveBits.BufferSizeShift)),
        new(2048, 0),
        new(1024, 1u << ReceiveBits.BufferSizeShift),
        new(512, 2u << ReceiveBits.BufferSizeShift),
        new(256, 3u << ReceiveBits.BufferSizeShift),
    ];

    /// <summary>The largest that fits into buffers of <paramref name="length"/> bytes.</summary>
    /// <exception cref="ArgumentOutOfRangeException">There is none.</exception>
    public static ReceiveBufferSize Choose(int length)
    {
        foreach (ReceiveBufferSize size in sizes)
        {
            if (size.Length <= length)
            {
                return size;
            }
        }

        throw new ArgumentOutOfRangeException(nameof(length), $"receive buffers of {length} bytes; 256 is the least");
    }
}
