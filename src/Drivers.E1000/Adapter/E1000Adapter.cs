using Makatea.Platform;

namespace Makatea.Drivers.E1000;

/// <summary>
/// The controller's registers outside its rings: reset, what is set up once, the link. Control path, for one thread at a time. The parts that are an idea of
/// their own (NVM, PHY, filters, interrupts, counters) have a class each.
/// </summary>
internal sealed class E1000Adapter
{
    private const int EthernetHeader = 14;
    private const int VlanTag = 4;
    private const int Crc = 4;

    private readonly E1000Options _options;

    public E1000Adapter(RegisterSpace registers, ChipInfo chip, E1000Options options)
    {
        int mostMtu = chip.MaxFrame - EthernetHeader - VlanTag - Crc;
        if (options.Mtu < 68 || options.Mtu > mostMtu)
        {
            throw new ArgumentOutOfRangeException(nameof(options), $"an MTU of {options.Mtu}; 68 to {mostMtu} are possible on the {chip.Name}");
        }

        Registers = registers;
        Chip = chip;
        _options = options;
        MaxFrame = EthernetHeader + VlanTag + options.Mtu;
    }

    public RegisterSpace Registers { get; }

    public ChipInfo Chip { get; }

    /// <summary>Longest frame that is not cut into segments, without its check sequence.</summary>
    public int MaxFrame { get; }

    /// <summary>
    /// The controller answers. The register is one that the driver set to neither of the values that a missing one reads as.
    /// </summary>
    public bool IsPresent => Registers.ReadUInt32(Register.Control) is not (0 or uint.MaxValue);

    /// <summary>Stops the controller, whatever it was doing, and resets all but the PHY ([8254x-SDM] 14.3, [82574-DS] 4.6.3).</summary>
    /// <exception cref="E1000Exception">It does not come back.</exception>
    public void Reset()
    {
        Quiesce();
        uint control = Registers.ReadUInt32(Register.Control);
        if (control == uint.MaxValue)
        {
            throw new E1000Exception($"the {Chip.Name} reads as all ones: it was taken away or is switched off");
        }

        if (Chip.Is82574)
        {
            // A transaction that is cut off hangs the bus ([82574-DS] 3.1.3.10); a controller that does not finish is reset all the same.
            Registers.WriteUInt32(Register.Control, control | ControlBits.MasterDisable);
            Poll.Until(Registers, Register.Status, StatusBits.MasterEnabled, 0, TimeSpan.FromMilliseconds(80));
        }

        Registers.WriteUInt32(Register.Control, control | ControlBits.Reset);

        // No register may be touched for a microsecond; the NVM is loaded again within some milliseconds.
        Thread.Sleep(5);
        if (!Poll.Until(Registers, Register.Control, ControlBits.Reset, 0, TimeSpan.FromMilliseconds(100)))
        {
            throw new E1000Exception($"the {Chip.Name} is in reset after 100 ms still; reset the function, or the machine");
        }

        Registers.WriteUInt32(Register.InterruptMaskClear, Cause.All);
        Registers.ReadUInt32(Register.InterruptCause);
    }

    /// <summary>Stops both directions and all interrupts, and waits for what is under way.</summary>
    public void Quiesce()
    {
        Registers.WriteUInt32(Register.InterruptMaskClear, Cause.All);
        Registers.WriteUInt32(Register.ReceiveControl, 0);
        Registers.WriteUInt32(Register.TransmitControl, TransmitBits.PadShortFrames);
        Registers.ReadUInt32(Register.Status);
        Thread.Sleep(10);
    }

    /// <summary>Sets up what neither queues nor filters choose.</summary>
    public void Configure()
    {
        uint control = Registers.ReadUInt32(Register.Control);
        control &= ~(ControlBits.MasterDisable | ControlBits.InvertLossOfSignal | ControlBits.ForceSpeed | ControlBits.ForceDuplex | ControlBits.Reset | ControlBits.PhyReset
            | ControlBits.ReceiveFlowControl | ControlBits.TransmitFlowControl);
        Registers.WriteUInt32(Register.Control, control | ControlBits.SetLinkUp | ControlBits.AutoSpeedDetect | ControlBits.FullDuplex | ControlBits.VlanMode);
        Registers.WriteUInt32(Register.VlanEtherType, 0x8100);
        Registers.WriteUInt32(Register.WakeUpControl, 0);
        Registers.WriteUInt32(Register.PacketBuffer, Chip.PacketBuffer(MaxFrame + Crc));
        Registers.WriteUInt32(Register.FlowControlLow, 0);
        Registers.WriteUInt32(Register.FlowControlHigh, 0);
        Registers.WriteUInt32(Register.TransmitGap, TransmitBits.Gap);
        Registers.WriteUInt32(Register.ReceiveDelay, 0);
        Registers.WriteUInt32(Register.ReceiveAbsoluteDelay, 0);
        Registers.WriteUInt32(Register.TransmitDelay, 0);
        Registers.WriteUInt32(Register.TransmitAbsoluteDelay, 0);
        uint checksum = ReceiveChecksumBits.Ip | ReceiveChecksumBits.Transport;
        Registers.WriteUInt32(Register.ReceiveChecksum, Chip.Is82574 ? checksum | ReceiveChecksumBits.NoPacketChecksum : checksum);
        for (int queue = 0; queue < Chip.Queues; queue++)
        {
            ulong offset = (ulong)queue * Register.RingStride;
            uint transmit = DescriptorControlBits.WriteBackEach | DescriptorControlBits.PrefetchEarly;
            Registers.WriteUInt32(Register.TransmitDescriptorControl + offset, Chip.Is82574 ? transmit | DescriptorControlBits.Reserved22 : transmit);
            Registers.WriteUInt32(Register.ReceiveDescriptorControl + offset, DescriptorControlBits.WriteBackEach);
        }

        if (Chip.Is82574)
        {
            Queues82574.Configure(Registers);
        }
    }

    /// <summary>Lets the transmitter run.</summary>
    public void StartTransmit() =>
        Registers.WriteUInt32(Register.TransmitControl, TransmitBits.Enable | TransmitBits.PadShortFrames | TransmitBits.Collisions | TransmitBits.RetransmitOnLateCollision);

    /// <summary>Lets the receiver run.</summary>
    /// <param name="bufferLength">Length of the queues' buffers.</param>
    /// <param name="filter">The bits that choose frames.</param>
    public void StartReceive(int bufferLength, uint filter)
    {
        uint control = ReceiveBits.Enable | ReceiveBits.AcceptBroadcast | ReceiveBits.StripCrc | ReceiveBufferSize.Choose(bufferLength).Bits | filter;
        Registers.WriteUInt32(Register.ReceiveControl, MaxFrame > EthernetHeader + VlanTag + 1500 ? control | ReceiveBits.LongFrames : control);
    }

    /// <summary>How the link is.</summary>
    /// <returns>Its speed in Mbit/s, 0 where it is down.</returns>
    public int ReadLink(out bool isPaused)
    {
        uint status = Registers.ReadUInt32(Register.Status);
        isPaused = (status & StatusBits.TransmitPaused) != 0;
        return (status & StatusBits.LinkUp) == 0 || status == uint.MaxValue ? 0 : ((status >> StatusBits.SpeedShift) & StatusBits.SpeedMask) switch
        {
            0 => 10,
            1 => 100,
            _ => 1000,
        };
    }

    /// <summary>Interrupt moderation: the interval in the register's unit, 256 ns.</summary>
    public uint Throttle => (uint)Math.Clamp(_options.InterruptInterval.TotalNanoseconds / 256, 0, ushort.MaxValue);
}
