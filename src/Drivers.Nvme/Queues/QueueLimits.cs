namespace Makatea.Drivers.Nvme;

/// <summary>How much one command of a queue may ask for, in blocks, from 1 on.</summary>
/// <param name="Transfer">Reads, writes and compares.</param>
/// <param name="Zeroes">Write Zeroes.</param>
/// <param name="Deallocate">A range of Dataset Management.</param>
internal readonly record struct QueueLimits(uint Transfer, uint Zeroes, uint Deallocate)
{
    /// <summary>The field of the number of blocks is 0's based and has 16 bits.</summary>
    private const uint MostBlocks = 65536;

    /// <exception cref="NvmeException">The controller transfers less than a block.</exception>
    internal static QueueLimits Of(ControllerIdentity controller, CommandSetLimits commands, int blockShift)
    {
        long transfer = controller.MaxTransfer == 0 ? DataMapper.MaxTransfer : Math.Min(controller.MaxTransfer, DataMapper.MaxTransfer);
        if (transfer >> blockShift == 0)
        {
            throw new NvmeException(NvmeFault.Protocol, $"the controller transfers {transfer} bytes at most (MDTS), less than a block of {1 << blockShift}");
        }

        // Without a limit of its own, Write Zeroes is limited like a transfer: the standard does not ask for that, but controllers do.
        long zeroes = commands.MaxWriteZeroes != 0 ? commands.MaxWriteZeroes : controller.MaxTransfer != 0 ? controller.MaxTransfer : long.MaxValue;
        return new(
            (uint)Math.Min(transfer >> blockShift, MostBlocks),
            (uint)Math.Clamp(zeroes >> blockShift, 1, MostBlocks),
            commands.MaxDeallocateBlocks == 0 ? uint.MaxValue : commands.MaxDeallocateBlocks);
    }
}
