using Makatea.Platform;

namespace Makatea.Vmm;

/// <summary>
/// An I/O APIC of 24 pins ([82093AA]) with the EOI register of version 20h. Devices hold its lines; accesses and lines may come from any thread.
/// </summary>
/// <remarks>
/// Polarity is kept and not looked at: a line is asserted or it is not, whatever voltage that would be. An edge at a masked pin is lost, as the data sheet
/// says of the mask; a level is not. There is no SMI and no ExtINT.
/// </remarks>
public sealed partial class IoApic : RegisterBus
{
    /// <summary>Where it is in memory.</summary>
    public const ulong Page = 0xfec0_0000;

    /// <summary>Length of its registers.</summary>
    public const ulong PageLength = 0x1000;

    /// <summary>Number of pins.</summary>
    public const int PinCount = 24;

    private const uint VersionValue = 0x20 | ((PinCount - 1) << 16);
    private const uint IdMask = 0x0f00_0000;

    private readonly Lock _lock = new();
    private readonly LocalApicBus _bus;
    private readonly ulong[] _entries = new ulong[PinCount];
    private readonly int[] _asserted = new int[PinCount];
    private uint _id;
    private byte _select;

    /// <summary>Makes one with all pins masked, and puts it on the bus.</summary>
    /// <param name="bus">Where its interrupts go, and ends come from.</param>
    /// <param name="id">Its ID, which guests may change; nothing depends on it.</param>
    public IoApic(LocalApicBus bus, byte id)
    {
        ArgumentNullException.ThrowIfNull(bus);
        _bus = bus;
        _id = ((uint)id << 24) & IdMask;
        Array.Fill(_entries, RedirectionBits.IsMasked);
        bus.Add(this);
    }

    /// <summary>Makes a line to a pin.</summary>
    /// <param name="pin">0 to 23.</param>
    public InterruptLine Connect(int pin)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(pin);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(pin, PinCount);
        return new Line(this, pin);
    }

    /// <inheritdoc/>
    public override ulong Read(ulong address, int width)
    {
        if (width != 4)
        {
            return RegisterWidth.Mask(width);
        }

        lock (_lock)
        {
            return address switch
            {
                IoApicRegister.Select => _select,
                IoApicRegister.Window => ReadSelected(),
                IoApicRegister.EndOfInterrupt => 0,
                _ => uint.MaxValue,
            };
        }
    }

    /// <inheritdoc/>
    public override void Write(ulong address, int width, ulong value)
    {
        // The register select is 8 bits of 32, and some write it so.
        if (width != 4 && !(width == 1 && address == IoApicRegister.Select))
        {
            return;
        }

        lock (_lock)
        {
            switch (address)
            {
                case IoApicRegister.Select:
                    _select = (byte)value;
                    break;
                case IoApicRegister.Window:
                    WriteSelected((uint)value);
                    break;
                case IoApicRegister.EndOfInterrupt:
                    EndUnderLock((byte)value);
                    break;
                default:
                    break;
            }
        }
    }

    /// <summary>A level interrupt has ended at a local APIC: what is still asserted is sent again.</summary>
    internal void EndInterrupt(byte vector)
    {
        lock (_lock)
        {
            EndUnderLock(vector);
        }
    }

    private uint ReadSelected()
    {
        int pin = (_select - IoApicRegister.Redirections) >> 1;
        return _select switch
        {
            IoApicRegister.Id or IoApicRegister.ArbitrationId => _id,
            IoApicRegister.Version => VersionValue,
            _ when pin is >= 0 and < PinCount => (uint)(_entries[pin] >> ((_select & 1) * 32)),
            _ => uint.MaxValue,
        };
    }

    private void WriteSelected(uint value)
    {
        if (_select == IoApicRegister.Id)
        {
            _id = value & IdMask;
            return;
        }

        int pin = (_select - IoApicRegister.Redirections) >> 1;
        if (pin is >= 0 and < PinCount)
        {
            WriteEntry(pin, (_select & 1) * 32, value);
        }
    }
}
