namespace Makatea.Vmm;

/// <summary>What an interrupt does where it arrives: bits 8 to 10 of ICR, LVT entries, redirection entries and message data ([SDM] volume 3, 11.6.1).</summary>
public enum DeliveryMode
{
    /// <summary>Vector to all destinations.</summary>
    Fixed = 0,

    /// <summary>Vector to one of the destinations.</summary>
    LowestPriority = 1,

    /// <summary>System management; there is none here.</summary>
    SystemManagement = 2,

    /// <summary>Non-maskable; the vector is not looked at.</summary>
    NonMaskable = 4,

    /// <summary>INIT: the processor is reset and waits for a start-up.</summary>
    Init = 5,

    /// <summary>Start-up at the page that the vector says; from ICR alone.</summary>
    StartUp = 6,

    /// <summary>Vector from an 8259; there is none here.</summary>
    External = 7,
}
