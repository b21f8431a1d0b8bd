namespace Makatea.Drivers.E1000;

/// <summary>Bits of <see cref="Register.ReceiveControl"/>.</summary>
internal static class ReceiveBits
{
    public const uint Enable = 1 << 1;

    public const uint UnicastPromiscuous = 1 << 3;

    public const uint MulticastPromiscuous = 1 << 4;

    /// <summary>Frames longer than 1522 bytes are received.</summary>
    public const uint LongFrames = 1 << 5;

    public const uint AcceptBroadcast = 1 << 15;

    public const int BufferSizeShift = 16;

    public const uint VlanFilter = 1 << 18;

    /// <summary>The size of buffers counts sixteenfold.</summary>
    public const uint BufferSizeExtension = 1 << 25;

    /// <summary>The frame check sequence is left out.</summary>
    public const uint StripCrc = 1 << 26;
}

/// <summary>Bits of <see cref="Register.TransmitControl"/>.</summary>
internal static class TransmitBits
{
    public const uint Enable = 1 << 1;

    public const uint PadShortFrames = 1 << 3;

    /// <summary>Collision threshold 15, collision distance of full duplex 63.</summary>
    public const uint Collisions = (15 << 4) | (63 << 12);

    public const uint RetransmitOnLateCollision = 1 << 24;

    /// <summary>Gap between frames, as the manual of TIPG recommends for 10/100/1000BASE-T: 8, 8 and 6.</summary>
    public const uint Gap = 8 | (8 << 10) | (6 << 20);
}

/// <summary>Bits of <see cref="Register.TransmitDescriptorControl"/> and <see cref="Register.ReceiveDescriptorControl"/>.</summary>
internal static class DescriptorControlBits
{
    /// <summary>Thresholds count descriptors; each is written back as soon as it is done.</summary>
    public const uint WriteBackEach = (1 << 24) | (1 << 16);

    /// <summary>82574L: must be one for transmitting.</summary>
    public const uint Reserved22 = 1 << 22;

    /// <summary>Fetch when there is room for 31 more.</summary>
    public const uint PrefetchEarly = 31 | (1 << 8);
}

/// <summary>Bits of <see cref="Register.ReceiveChecksum"/>.</summary>
internal static class ReceiveChecksumBits
{
    public const uint Ip = 1 << 8;

    public const uint Transport = 1 << 9;

    /// <summary>82574L: descriptors tell the hash in the place of the frame's raw sum, which spreading frames needs.</summary>
    public const uint NoPacketChecksum = 1 << 13;
}

/// <summary>Bits of <see cref="Register82574.ReceiveFilterControl"/>.</summary>
internal static class ReceiveFilterBits
{
    /// <summary>Acknowledgements raise no cause of their own; needed with MSI-X.</summary>
    public const uint NoAckCause = 1 << 12;

    /// <summary>Extended receive descriptors.</summary>
    public const uint ExtendedStatus = 1 << 15;
}

/// <summary>Bits of <see cref="Register82574.MultipleQueues"/>.</summary>
internal static class MultipleQueuesBits
{
    public const uint Rss = 1;

    public const uint HashTcp4 = 1 << 16;

    public const uint HashIp4 = 1 << 17;

    public const uint HashTcp6 = 1 << 18;

    public const uint HashIp6 = 1 << 20;
}

/// <summary>Bits of <see cref="Register82574.TransmitArbitration"/>.</summary>
internal static class TransmitArbitrationBits
{
    /// <summary>Frames taken in a turn.</summary>
    public const uint Count = 3;

    public const uint Enable = 1 << 10;

    /// <summary>Must be written as one.</summary>
    public const uint Reserved26 = 1 << 26;
}

/// <summary>Bits of an entry's high register in <see cref="Register.ReceiveAddress"/>.</summary>
internal static class ReceiveAddressBits
{
    public const uint Valid = 1u << 31;
}
