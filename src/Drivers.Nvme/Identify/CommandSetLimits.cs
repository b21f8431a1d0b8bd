namespace Makatea.Drivers.Nvme;

/// <summary>Limits of single commands ([NVM-1.1] Figure 118, I/O Command Set specific Identify Controller).</summary>
/// <param name="MaxWriteZeroes">Most bytes of a Write Zeroes (WZSL); 0 for no limit other than its field.</param>
/// <param name="MaxDeallocateBlocks">Most blocks of a range to deallocate (DMRSL); 0 for no limit.</param>
internal readonly record struct CommandSetLimits(long MaxWriteZeroes, uint MaxDeallocateBlocks)
{
    internal static CommandSetLimits Parse(ReadOnlySpan<byte> data)
    {
        var reader = new IdentifyReader(data);
        int zeroes = reader.Byte(1);
        return new(zeroes is 0 or > 30 ? 0 : 4096L << zeroes, reader.UInt32(4));
    }
}
