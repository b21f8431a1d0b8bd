namespace Makatea.Vmm;

/// <summary>ACPI's fixed registers ([ACPI-6.5] 4.8.3): offsets of ports from <see cref="PlatformPorts.Power"/>.</summary>
public static class PowerRegister
{
    /// <summary>PM1a_STS, 2 bytes: written ones clear.</summary>
    public const int Status = 0;

    /// <summary>PM1a_EN, 2 bytes.</summary>
    public const int Enable = 2;

    /// <summary>PM1a_CNT, 2 bytes.</summary>
    public const int Control = 4;

    /// <summary>PM_TMR, 4 bytes.</summary>
    public const int Timer = 8;

    /// <summary>SLP_TYP of S5, off; the DSDT's \_S5 says the same.</summary>
    public const int SoftOff = 5;
}

/// <summary>Bits of PM1a_STS, PM1a_EN and PM1a_CNT.</summary>
internal static class PowerBits
{
    public const ushort Timer = 1 << 0;
    public const ushort GlobalLock = 1 << 5;
    public const ushort PowerButton = 1 << 8;
    public const ushort Events = Timer | GlobalLock | PowerButton;

    /// <summary>Kept and never raised, as the clock has nobody to wake: Linux complains where it cannot be set.</summary>
    public const ushort Clock = 1 << 10;
    public const ushort SciEnabled = 1 << 0;
    public const ushort ControlKept = (1 << 1) | (7 << SleepTypeShift);
    public const int SleepTypeShift = 10;
    public const ushort SleepEnable = 1 << 13;
}
