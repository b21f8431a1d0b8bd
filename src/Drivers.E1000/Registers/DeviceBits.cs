namespace Makatea.Drivers.E1000;

/// <summary>Bits of <see cref="Register.Control"/>.</summary>
internal static class ControlBits
{
    public const uint FullDuplex = 1 << 0;

    /// <summary>82574L: start no more transactions.</summary>
    public const uint MasterDisable = 1 << 2;

    /// <summary>The PHY's link is the controller's.</summary>
    public const uint SetLinkUp = 1 << 6;

    /// <summary>8254x: find the speed where the PHY does not tell it.</summary>
    public const uint AutoSpeedDetect = 1 << 5;

    public const uint InvertLossOfSignal = 1 << 7;

    public const uint ForceSpeed = 1 << 11;

    public const uint ForceDuplex = 1 << 12;

    /// <summary>Resets all but the PHY; clears itself.</summary>
    public const uint Reset = 1 << 26;

    /// <summary>Pause frames that arrive are obeyed.</summary>
    public const uint ReceiveFlowControl = 1 << 27;

    /// <summary>Pause frames are sent.</summary>
    public const uint TransmitFlowControl = 1 << 28;

    /// <summary>VLAN tags are put in and taken out.</summary>
    public const uint VlanMode = 1 << 30;

    public const uint PhyReset = 1u << 31;
}

/// <summary>Bits of <see cref="Register.Status"/>.</summary>
internal static class StatusBits
{
    public const uint LinkUp = 1 << 1;

    /// <summary>A pause frame holds the transmitter.</summary>
    public const uint TransmitPaused = 1 << 4;

    public const int SpeedShift = 6;

    public const uint SpeedMask = 3;

    /// <summary>82574L: transactions are under way or may start.</summary>
    public const uint MasterEnabled = 1 << 19;
}

/// <summary>Bits of <see cref="Register.ControlExtended"/>.</summary>
internal static class ControlExtendedBits
{
    /// <summary>82574L: causes of <see cref="Register82574.AutoMask"/> are masked when their message is sent.</summary>
    public const uint MessageAutoMask = 1 << 24;

    /// <summary>82574L: a driver is at work; firmware keeps off.</summary>
    public const uint DriverLoaded = 1 << 28;

    /// <summary>82574L: a pending message is cleared with its cause.</summary>
    public const uint ClearPending = 1u << 31;
}

/// <summary>Bits of <see cref="Register.MdiControl"/>.</summary>
internal static class MdiBits
{
    public const uint DataMask = 0xffff;

    public const int RegisterShift = 16;

    /// <summary>The internal PHY's address.</summary>
    public const uint Phy = 1 << 21;

    public const uint Write = 1 << 26;

    public const uint Read = 1 << 27;

    public const uint Ready = 1 << 28;

    public const uint Error = 1 << 30;
}

/// <summary>Bits of <see cref="Register82574.ExtendedConfiguration"/>.</summary>
internal static class ExtendedConfigurationBits
{
    /// <summary>Software owns the MDI bus and the NVM while it reads as set.</summary>
    public const uint SoftwareOwns = 1 << 5;
}
