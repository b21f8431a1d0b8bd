using Makatea.Platform;

namespace Makatea.Drivers.E1000;

/// <summary>The PHY behind MDIC, registers of IEEE 802.3 clause 22. It negotiates by itself; all it may need is to be woken.</summary>
internal static class Phy
{
    private const int BasicControl = 0;
    private const ushort RestartNegotiation = 1 << 9;
    private const ushort Isolate = 1 << 10;
    private const ushort PowerDown = 1 << 11;
    private const ushort Negotiate = 1 << 12;

    /// <summary>Wakes a PHY that somebody left powered down, isolated or fixed to a speed. One that does not answer is left alone: the link will stay down, which is seen.</summary>
    public static void Wake(RegisterSpace registers, ChipInfo chip)
    {
        using var ownership = new Ownership(registers, chip);
        if (TryAccess(registers, MdiBits.Read | (BasicControl << MdiBits.RegisterShift), out uint control)
            && ((control & (Isolate | PowerDown)) != 0 || (control & Negotiate) == 0))
        {
            control = (control & ~(uint)(Isolate | PowerDown)) | Negotiate | RestartNegotiation;
            TryAccess(registers, MdiBits.Write | (BasicControl << MdiBits.RegisterShift) | control, out _);
        }
    }

    private static bool TryAccess(RegisterSpace registers, uint command, out uint data)
    {
        registers.WriteUInt32(Register.MdiControl, command | MdiBits.Phy);
        bool isReady = Poll.Until(registers, Register.MdiControl, MdiBits.Ready, MdiBits.Ready, TimeSpan.FromMilliseconds(10));
        data = registers.ReadUInt32(Register.MdiControl);
        bool isGood = isReady && (data & MdiBits.Error) == 0;
        data &= MdiBits.DataMask;
        return isGood;
    }
}
