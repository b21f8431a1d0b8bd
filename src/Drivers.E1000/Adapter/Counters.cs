using Makatea.Platform;

namespace Makatea.Drivers.E1000;

/// <summary>
/// The sums of the statistics registers since the port was opened. They are read often enough that none gets full: at the highest rate of frames that takes 48 minutes.
/// </summary>
internal sealed class Counters(RegisterSpace registers)
{
    private static readonly ulong[] receiveErrors =
    [
        CounterRegister.CrcErrors, CounterRegister.AlignmentErrors, CounterRegister.ReceiveErrors, CounterRegister.CarrierExtensionErrors, CounterRegister.LengthErrors,
        CounterRegister.Undersize, CounterRegister.Oversize,
    ];

    private static readonly ulong[] transmitErrors = [CounterRegister.ExcessiveCollisions, CounterRegister.LateCollisions];

    private readonly Dictionary<ulong, uint> _kept = [];

    /// <summary>Frames that were lost for want of a descriptor.</summary>
    public ulong ReceiveMissed { get; private set; }

    /// <summary>Frames that arrived damaged.</summary>
    public ulong ReceiveErrors { get; private set; }

    /// <summary>Frames that could not be sent.</summary>
    public ulong TransmitErrors { get; private set; }

    /// <summary>Starts from a controller that was reset.</summary>
    public void Clear()
    {
        _kept.Clear();
        (ulong missed, ulong received, ulong transmitted) = (ReceiveMissed, ReceiveErrors, TransmitErrors);
        Read();
        (ReceiveMissed, ReceiveErrors, TransmitErrors) = (missed, received, transmitted);
    }

    /// <summary>Takes the registers in.</summary>
    public void Read()
    {
        ReceiveMissed += Take(CounterRegister.MissedPackets);
        foreach (ulong register in receiveErrors)
        {
            ReceiveErrors += Take(register);
        }

        foreach (ulong register in transmitErrors)
        {
            TransmitErrors += Take(register);
        }
    }

    private uint Take(ulong register)
    {
        uint value = registers.ReadUInt32(register);
        if (value is 0 or uint.MaxValue)
        {
            return 0;
        }

        // QEMU's models keep some of these when they are read: a value that is still there is a running sum, and only what came on top of it is new.
        uint again = registers.ReadUInt32(register);
        uint kept = _kept.GetValueOrDefault(register);
        if (again >= value && again != uint.MaxValue)
        {
            _kept[register] = again;
            return again >= kept ? again - kept : again;
        }

        return value + again;
    }
}
