namespace Makatea.Vmm;

/// <summary>Registers of an I/O APIC ([82093AA] 3.1 and 3.2; the EOI register is [ICH9] 13.5.6).</summary>
internal static class IoApicRegister
{
    /// <summary>In memory: which register the window shows.</summary>
    public const ulong Select = 0x00;

    /// <summary>In memory: the window.</summary>
    public const ulong Window = 0x10;

    /// <summary>In memory: a vector's interrupt has ended.</summary>
    public const ulong EndOfInterrupt = 0x40;

    /// <summary>Behind the window.</summary>
    public const byte Id = 0x00;

    /// <summary>Behind the window.</summary>
    public const byte Version = 0x01;

    /// <summary>Behind the window.</summary>
    public const byte ArbitrationId = 0x02;

    /// <summary>Behind the window: the first of two for each pin.</summary>
    public const byte Redirections = 0x10;
}

/// <summary>Bits of a redirection entry ([82093AA] 3.2.4).</summary>
internal static class RedirectionBits
{
    public const ulong Vector = 0xff;
    public const int DeliveryModeShift = 8;
    public const ulong IsLogical = 1 << 11;
    public const ulong RemoteIrr = 1 << 14;
    public const ulong IsLevel = 1 << 15;
    public const ulong IsMasked = 1 << 16;
    public const int DestinationShift = 56;

    /// <summary>What can be written: all but delivery status, remote IRR and what is reserved.</summary>
    public const ulong Writable = 0xff00_0000_0001_afff;
}
