using Makatea.Platform;

namespace Makatea.Drivers.E1000;

/// <summary>The registers that tell where a ring lies ([82574-DS] 10.2.5 and 10.2.6), the same for either direction.</summary>
internal static class RingRegisters
{
    /// <summary>Tells of a ring without anything in it for the controller.</summary>
    /// <param name="registers">The ring's registers.</param>
    /// <param name="iova">Where it lies.</param>
    /// <param name="length">Its length in bytes.</param>
    internal static void Set(RegisterSpace registers, ulong iova, uint length)
    {
        registers.WriteUInt32(Register.RingBaseLow, (uint)iova);
        registers.WriteUInt32(Register.RingBaseHigh, (uint)(iova >> 32));
        SetEmpty(registers, length);
    }

    /// <summary>Takes the ring away.</summary>
    internal static void Clear(RegisterSpace registers) => SetEmpty(registers, 0);

    private static void SetEmpty(RegisterSpace registers, uint length)
    {
        registers.WriteUInt32(Register.RingLength, length);
        registers.WriteUInt32(Register.RingHead, 0);
        registers.WriteUInt32(Register.RingTail, 0);
    }
}
