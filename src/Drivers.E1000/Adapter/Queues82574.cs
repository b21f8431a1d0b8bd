using Makatea.Platform;

namespace Makatea.Drivers.E1000;

/// <summary>What is special to the 82574L: its two queues, how received frames are spread over them, extended descriptors, and bits that its datasheet asks for.</summary>
internal static class Queues82574
{
    private const uint EntryOfQueue1 = 0x80;

    // The key that Microsoft publishes with its test vectors of the Toeplitz hash; any will do, as nobody chooses frames by it that could not choose queues anyway.
    private static readonly uint[] key = [0xda565a6d, 0xc20e5b25, 0x3d256741, 0xb08fa343, 0xcb2bcad0, 0xb4307bae, 0xa32dcb77, 0x0cf23080, 0x3bb7426a, 0xfa01acbe];

    /// <summary>Sets up what does not depend on which queues are open.</summary>
    public static void Configure(RegisterSpace registers)
    {
        uint extended = registers.ReadUInt32(Register.ControlExtended);
        registers.WriteUInt32(Register.ControlExtended, extended | ControlExtendedBits.DriverLoaded | ControlExtendedBits.MessageAutoMask | ControlExtendedBits.ClearPending);
        registers.WriteUInt32(Register82574.ReceiveFilterControl, ReceiveFilterBits.ExtendedStatus | ReceiveFilterBits.NoAckCause);
        registers.WriteUInt32(Register82574.TransmitArbitration, TransmitArbitrationBits.Count | TransmitArbitrationBits.Enable | TransmitArbitrationBits.Reserved26);
        registers.WriteUInt32(Register82574.TransmitArbitration + Register.RingStride, TransmitArbitrationBits.Count | TransmitArbitrationBits.Enable);
        for (int i = 0; i < Register82574.HashKeyRegisters; i++)
        {
            registers.WriteUInt32(Register82574.HashKey + ((ulong)i * 4), key[i]);
        }

        registers.WriteUInt32(
            Register82574.MultipleQueues,
            MultipleQueuesBits.Rss | MultipleQueuesBits.HashTcp4 | MultipleQueuesBits.HashIp4 | MultipleQueuesBits.HashTcp6 | MultipleQueuesBits.HashIp6);
    }

    /// <summary>Spreads received frames over the open queues; the receiver is stopped.</summary>
    public static void Spread(RegisterSpace registers, bool isOpen0, bool isOpen1)
    {
        uint even = isOpen0 ? 0 : EntryOfQueue1;
        uint odd = isOpen1 ? EntryOfQueue1 : 0;
        uint entries = even | (odd << 8) | (even << 16) | (odd << 24);
        for (int i = 0; i < Register82574.RedirectionRegisters; i++)
        {
            registers.WriteUInt32(Register82574.RedirectionTable + ((ulong)i * 4), entries);
        }
    }
}
