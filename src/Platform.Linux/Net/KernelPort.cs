using Microsoft.Win32.SafeHandles;

namespace Makatea.Platform.Linux;

/// <summary>A port whose other side is the kernel: one queue on a descriptor, and the interface's state by netlink.</summary>
public abstract class KernelPort : NetPort
{
    private protected const NetOffloads Segmentation =
        NetOffloads.Checksum | NetOffloads.SegmentTcp4 | NetOffloads.SegmentTcp6 | NetOffloads.SegmentEcn;

    private protected const NetOffloads UdpSegmentation = NetOffloads.SegmentUdp4 | NetOffloads.SegmentUdp6;

    private readonly Lock _control = new();
    private readonly LinkWatch _watch;
    private KernelQueue? _queue;
    private NetPortInfo _info;
    private NetStatistics _closed;
    private bool _isDisposed;

    /// <summary>Takes over both descriptors; they are closed where this fails.</summary>
    private protected KernelPort(SafeFileHandle device, SafeFileHandle link, string? name, int index)
    {
        Device = device;
        _watch = new LinkWatch(link, name, index, OnLink);
        LinkState state = _watch.Initial;
        Index = state.Index;
        Name = state.Name;

        // The kernel cuts datagrams since 6.2.
        NetOffloads transmit = Segmentation | (HasUdpSegmentation ? UdpSegmentation : NetOffloads.None);
        _info = new NetPortInfo
        {
            Address = state.Address,
            Mtu = state.Mtu,
            IsLinkUp = state.IsUp,
            Transmit = transmit,
            Receive = NetOffloads.Checksum,
            MaxSegments = KernelQueue.MaxSegments,
            MaxSegmentedLength = KernelQueue.MaxFrame,
        };
    }

    /// <inheritdoc/>
    public override NetPortInfo Info => Volatile.Read(ref _info);

    /// <summary>Name of the interface.</summary>
    public string Name { get; }

    private protected static bool HasUdpSegmentation { get; } = Environment.OSVersion.Version >= new Version(6, 2);

    private protected SafeFileHandle Device { get; }

    private protected int Index { get; }

    /// <inheritdoc/>
    public override NetQueue OpenQueue(int index, NetQueueOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        lock (_control)
        {
            ObjectDisposedException.ThrowIf(_isDisposed, this);
            if (index != 0 || _queue is not null)
            {
                throw new ArgumentOutOfRangeException(nameof(index), $"queue {index}; there is one, and it is opened once at a time");
            }

            SafeFileHandle own = LinuxError.Descriptor(Libc.Fcntl(Device, Libc.F_DUPFD_CLOEXEC, 0), $"cannot open a queue of {Name}", "fcntl(F_DUPFD_CLOEXEC)");
            try
            {
                return _queue = CreateQueue(own, options);
            }
            catch
            {
                own.Dispose();
                throw;
            }
        }
    }

    /// <inheritdoc/>
    public override NetStatistics ReadStatistics()
    {
        lock (_control)
        {
            return _queue is null ? _closed : _closed + _queue.ReadStatistics();
        }
    }

    /// <summary>Keeps what a queue counted that ends.</summary>
    internal void Close(KernelQueue queue)
    {
        lock (_control)
        {
            _closed += queue.ReadStatistics();
            _queue = null;
        }
    }

    private protected abstract KernelQueue CreateQueue(SafeFileHandle handle, NetQueueOptions options);

    /// <summary>Address of the port, where the interface has <paramref name="address"/>.</summary>
    private protected virtual MacAddress AddressFor(MacAddress address) => address;

    /// <summary>To be called last in a constructor.</summary>
    private protected void StartWatching()
    {
        _info = _info with { Address = AddressFor(_info.Address) };
        _watch.Start();
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        lock (_control)
        {
            if (_isDisposed || !disposing)
            {
                return;
            }

            _isDisposed = true;
        }

        _queue?.Dispose();
        _watch.Dispose();
        Device.Dispose();
    }

    private void OnLink(LinkState state)
    {
        NetPortInfo old = _info;
        NetPortInfo info = old with
        {
            Address = state.Address.Value == 0 ? old.Address : AddressFor(state.Address),
            Mtu = state.Mtu == 0 ? old.Mtu : state.Mtu,
            IsLinkUp = state.IsUp && !state.IsGone,
            IsGone = state.IsGone,
        };
        if (info != old)
        {
            Volatile.Write(ref _info, info);
            OnInfoChanged();
        }
    }
}
