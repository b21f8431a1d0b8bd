using Makatea.Platform;

namespace Makatea.Drivers.E1000;

/// <summary>
/// An 82540EM or 82574L as a net port. It takes the function over and disposes it.
/// </summary>
/// <remarks>
/// Frames and buffers in memory that <see cref="AddMemory"/> was told of go to the controller and come from it without copying. A controller is not trusted: nothing that it writes
/// leads outside the buffers, and one that stands still is reset, or given up.
/// </remarks>
public sealed partial class E1000Port : NetPort
{
    private readonly PciFunction _function;
    private readonly E1000Options _options;
    private readonly Lock _control = new();
    private readonly E1000Queue?[] _queues;
    private readonly Interrupts _interrupts;
    private readonly Counters _counters;
    private readonly Dictionary<MappedMemory, DmaMapping> _mappings = [];
    private readonly LinkWork _linkWork;
    private NetPortInfo _info;
    private Filters _filters;
    private NetStatistics _closed;
    private ulong _resets;
    private ulong _watchedMissed;
    private ITimer? _timer;
    private bool _isDisposed;

    private E1000Port(PciFunction function, ChipInfo chip, E1000Options options)
    {
        _function = function;
        _options = options;
        Dma = function.Dma;
        RegisterSpace registers = function.MapBar(0);
        if (registers.Length < Register.Length)
        {
            throw new E1000Exception($"the {chip.Name} at {function.Address} has {registers.Length} bytes of registers in its first base address register; {Register.Length} are needed");
        }

        Adapter = new(registers, chip, options);
        Adapter.Reset();
        MacAddress address = Nvm.ReadAddress(registers, chip);
        _filters = new(address, new());
        _counters = new(registers);
        _linkWork = new(this);
        _interrupts = Interrupts.Enable(function, Adapter, options.UseInterrupts);
        _queues = new E1000Queue?[_interrupts.Queues];
        _info = new()
        {
            Address = address,
            Mtu = options.Mtu,
            QueueCount = _queues.Length,
            Transmit = NetOffloads.Checksum | NetOffloads.Vlan | chip.Segmentation,
            Receive = NetOffloads.Checksum | NetOffloads.Vlan,
            MaxSegments = TransmitRing<Chip82540>.MaxSegments,
            MaxSegmentedLength = TransmitRing<Chip82540>.MaxSegmentedLength,
        };
        Phy.Wake(registers, chip);
        function.SetBusMaster(true);
        BringUp();
        _counters.Clear();
    }

    /// <inheritdoc/>
    public override NetPortInfo Info => Volatile.Read(ref _info);

    internal E1000Adapter Adapter { get; }

    internal DmaSpace Dma { get; }

    internal AdapterState State { get; } = new();

    /// <summary>Whether this driver is for a function.</summary>
    public static bool Supports(PciIdentity identity) => ChipInfo.Find(identity) is not null;

    /// <summary>Resets a function and makes a port of it.</summary>
    /// <param name="function">The function; it is the port's from here on, and is disposed with it or if it cannot be opened.</param>
    /// <param name="options">How the port is to be.</param>
    /// <exception cref="IOException">The adapter or the host fails; an <see cref="E1000Exception"/> where it is the adapter.</exception>
    /// <exception cref="ArgumentException">It is another device, or an option is not possible.</exception>
    public static E1000Port Open(PciFunction function, E1000Options? options = null)
    {
        ArgumentNullException.ThrowIfNull(function);
        try
        {
            ChipInfo chip = ChipInfo.Find(function.Identity)
                ?? throw new ArgumentException($"{function.Address} is {function.Identity}; this driver is for 8086:100e and 8086:1015 (82540EM), 8086:10d3 and 8086:10f6 (82574L)", nameof(function));
            var port = new E1000Port(function, chip, options ?? new());
            port.StartWatching();
            return port;
        }
        catch
        {
            function.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public override void AddMemory(MappedMemory memory)
    {
        ArgumentNullException.ThrowIfNull(memory);
        lock (_control)
        {
            ObjectDisposedException.ThrowIf(_isDisposed, this);
            if (!_mappings.ContainsKey(memory))
            {
                _mappings.Add(memory, Dma.Map(memory, DmaAccess.ReadWrite));
            }
        }
    }

    /// <inheritdoc/>
    public override void RemoveMemory(MappedMemory memory)
    {
        ArgumentNullException.ThrowIfNull(memory);
        lock (_control)
        {
            if (_mappings.Remove(memory, out DmaMapping? mapping))
            {
                mapping.Dispose();
            }
        }
    }

    /// <inheritdoc/>
    public override void SetFilter(NetFilter filter)
    {
        ArgumentNullException.ThrowIfNull(filter);
        var filters = new Filters(Info.Address, filter);
        lock (_control)
        {
            _filters = filters;
            if (State.Value != AdapterState.Gone)
            {
                filters.Write(Adapter.Registers);
                StartReceive();
            }
        }
    }

    /// <inheritdoc/>
    public override NetStatistics ReadStatistics()
    {
        lock (_control)
        {
            if (State.Value != AdapterState.Gone && !_isDisposed)
            {
                _counters.Read();
            }

            NetStatistics sum = _closed;
            foreach (E1000Queue? queue in _queues)
            {
                sum += queue?.ReadStatistics() ?? default;
            }

            return sum with
            {
                ReceiveMissed = _counters.ReceiveMissed,
                ReceiveErrors = sum.ReceiveErrors + _counters.ReceiveErrors,
                TransmitErrors = sum.TransmitErrors + _counters.TransmitErrors,
                Resets = _resets,
            };
        }
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (!disposing)
        {
            return;
        }

        lock (_control)
        {
            if (_isDisposed)
            {
                return;
            }

            _isDisposed = true;
            _timer?.Dispose();
            foreach (E1000Queue? queue in _queues)
            {
                if (queue is not null)
                {
                    CloseLocked(queue);
                }
            }

            if (State.Value != AdapterState.Gone)
            {
                Adapter.Quiesce();
            }

            _function.DisableInterrupts();
            _function.SetBusMaster(false);
            foreach (DmaMapping mapping in _mappings.Values)
            {
                mapping.Dispose();
            }

            _mappings.Clear();
            _function.Dispose();
        }
    }
}
