using Makatea.Platform;

namespace Makatea.Vmm.Pci;

/// <summary>
/// Attaches and detaches functions while the guest runs: the registers that the DSDT's methods look at (<c>PciHotPlugMethods</c>), a bit for each slot. At 0, what is new, and at 4, what is to be given up:
/// reading clears. At 8, writing a bit ejects.
/// </summary>
public sealed class HotPlugController : RegisterBus, ISavedState
{
    /// <summary>Number of ports.</summary>
    public const ulong PortCount = 12;

    private const ulong Attached = 0;
    private const ulong GivenUp = 4;
    private const ulong Eject = 8;

    private readonly PciHostBridge _bridge;
    private readonly InterruptLine _line;
    private readonly Action<int, PciFunctionModel> _ejected;
    private uint _attached;
    private uint _givenUp;

    /// <summary>Makes the controller of a bus.</summary>
    /// <param name="bridge">The bus.</param>
    /// <param name="line">Has an edge whenever there is something to look at.</param>
    /// <param name="ejected">Told of a function that the guest gave up, when it is off the bus; on a processor's thread.</param>
    public HotPlugController(PciHostBridge bridge, InterruptLine line, Action<int, PciFunctionModel> ejected)
    {
        ArgumentNullException.ThrowIfNull(bridge);
        ArgumentNullException.ThrowIfNull(line);
        ArgumentNullException.ThrowIfNull(ejected);
        _bridge = bridge;
        _line = line;
        _ejected = ejected;
    }

    /// <summary>Puts a function into a slot and tells the guest.</summary>
    /// <exception cref="ArgumentException">The slot is taken, or there is no such slot.</exception>
    public void Attach(int slot, PciFunctionModel function)
    {
        _bridge.Attach(slot, function);
        Interlocked.Or(ref _attached, 1U << slot);
        _line.Pulse();
    }

    /// <summary>Asks the guest to give a function up. It is there until the guest ejects it, which it may never do.</summary>
    public void RequestEject(int slot)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(slot is >= 1 and < PciHostBridge.Slots, true);
        Interlocked.Or(ref _givenUp, 1U << slot);
        _line.Pulse();
    }

    /// <inheritdoc/>
    public override ulong Read(ulong address, int width) => (address, width) switch
    {
        (Attached, 4) => Interlocked.Exchange(ref _attached, 0),
        (GivenUp, 4) => Interlocked.Exchange(ref _givenUp, 0),
        (Eject, 4) => 0,
        _ => RegisterWidth.Mask(width),
    };

    /// <inheritdoc/>
    public override void Write(ulong address, int width, ulong value)
    {
        for (int slot = 1; address == Eject && width == 4 && slot < PciHostBridge.Slots; slot++)
        {
            if ((value >> slot & 1) != 0 && _bridge.Detach(slot) is { } function)
            {
                _ejected(slot, function);
            }
        }
    }

    /// <inheritdoc/>
    public void Save(StateWriter writer)
    {
        ArgumentNullException.ThrowIfNull(writer);
        writer.Write(Volatile.Read(ref _attached));
        writer.Write(Volatile.Read(ref _givenUp));
    }

    /// <inheritdoc/>
    public void Restore(StateReader reader)
    {
        ArgumentNullException.ThrowIfNull(reader);
        Interlocked.Exchange(ref _attached, reader.ReadUInt32());
        Interlocked.Exchange(ref _givenUp, reader.ReadUInt32());
    }
}
