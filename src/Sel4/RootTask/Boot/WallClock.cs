namespace Makatea.Sel4;

/// <summary>The clock of a PC (MC146818 at ports 0x70 and 0x71), which runs in UTC.</summary>
internal static class WallClock
{
    private const ushort Index = 0x70;
    private const ushort Data = 0x71;
    private const byte StatusA = 0x0a;
    private const byte StatusB = 0x0b;
    private const uint Updating = 0x80;
    private const uint Binary = 4;
    private const int Patience = 1_000_000;

    /// <summary>Reads it.</summary>
    /// <param name="slot">An empty slot, which is empty again afterwards.</param>
    /// <returns>Seconds since 1970; 0 where there is no such clock.</returns>
    internal static ulong Read(uint slot)
    {
        if (!CapabilitySpace.IssuePorts(Index, Data, slot).IsDone)
        {
            return 0;
        }

        for (int i = 0; i < Patience && (Get(slot, StatusA) & Updating) != 0; i++)
        {
            // It counts on; a moment.
        }

        bool isBinary = (Get(slot, StatusB) & Binary) != 0;
        ulong seconds = Number(Get(slot, 0), isBinary);
        ulong minutes = Number(Get(slot, 2), isBinary);
        ulong hours = Number(Get(slot, 4), isBinary);
        ulong day = Number(Get(slot, 7), isBinary);
        ulong month = Number(Get(slot, 8), isBinary);
        ulong year = 2000 + Number(Get(slot, 9), isBinary);
        CapabilitySpace.Delete(slot);
        return (((((Days(year, month, day) * 24) + hours) * 60) + minutes) * 60) + seconds;
    }

    /// <summary>Days since 1970 of the Gregorian calendar; years from March make the leap day the last.</summary>
    internal static ulong Days(ulong year, ulong month, ulong day)
    {
        const ulong MarchOfYear0To1970 = 719_468;
        ulong shifted = month > 2 ? year : year - 1;
        ulong sinceMarch = (month + 9) % 12;
        return (shifted * 365) + (shifted / 4) - (shifted / 100) + (shifted / 400) + (((153 * sinceMarch) + 2) / 5) + day - 1 - MarchOfYear0To1970;
    }

    private static ulong Number(uint value, bool isBinary) => isBinary ? value : ((value >> 4) * 10) + (value & 15);

    private static uint Get(uint ports, byte register)
    {
        KernelCall.Invoke(ports, BoardValue.X86IOPortOut8, 0, 2, Index, register);
        return (uint)KernelCall.Invoke(ports, BoardValue.X86IOPortIn8, 0, 1, Data).Value & 0xff;
    }
}
