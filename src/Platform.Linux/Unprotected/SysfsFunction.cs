using System.Buffers.Binary;
using System.Globalization;
using Microsoft.Win32.SafeHandles;

namespace Makatea.Platform.Linux;

/// <summary>
/// A function that no driver of the kernel has, by its files in sysfs: for machines without an IOMMU, on which VFIO hands nothing out. It has no interrupts. Nothing keeps it, or who
/// holds this, from the machine's memory.
/// </summary>
public sealed class SysfsFunction : PciFunction
{
    private const int BarCount = 6;
    private const ulong FlagPorts = 0x100;
    private const ulong FlagMemory = 0x200;
    private const ulong FlagPrefetchable = 0x2000;
    private const ulong Flag64 = 0x10_0000;

    private readonly string _folder;
    private readonly SafeFileHandle _config;
    private readonly PciConfigFilter _filter;
    private readonly PciBar[] _bars;
    private readonly MappedMemory?[] _mapped = new MappedMemory?[BarCount];
    private bool _disposed;

    private SysfsFunction(string folder, PciAddress address, DmaSpace space, SafeFileHandle config)
    {
        _folder = folder;
        _config = config;
        Address = address;
        Dma = space;
        ConfigLength = RandomAccess.GetLength(config) >= 4096 ? 4096 : PciConfig.Length;
        Identity = ReadIdentity();
        _filter = new PciConfigFilter(ReadConfig);
        _bars = ReadBars(File.ReadAllLines(Path.Combine(folder, "resource")));
        SetCommand(PciConfig.CommandBusMaster, false);
        SetCommand(PciConfig.CommandMemory, true);
    }

    /// <inheritdoc/>
    public override PciAddress Address { get; }

    /// <inheritdoc/>
    public override PciIdentity Identity { get; }

    /// <inheritdoc/>
    public override int ConfigLength { get; }

    /// <inheritdoc/>
    public override DmaSpace Dma { get; }

    /// <inheritdoc/>
    public override bool IsGone => _disposed || (ushort)ReadConfig(PciConfig.VendorId, 2) != Identity.Vendor;

    /// <summary>None: it is polled.</summary>
    public override int MaxInterrupts => 0;

    /// <summary>Opens a function and switches its registers on.</summary>
    /// <param name="address">Where it is.</param>
    /// <param name="space">The machine's memory.</param>
    /// <exception cref="IOException">It is not there, a driver has it, or this process may not.</exception>
    public static SysfsFunction Open(PciAddress address, PhysicalDmaSpace space) => Open(SysfsPci.Root, address, space);

    /// <summary>As <see cref="Open(PciAddress, PhysicalDmaSpace)"/>, with sysfs elsewhere.</summary>
    internal static SysfsFunction Open(string root, PciAddress address, DmaSpace space)
    {
        string folder = SysfsPci.Folder(root, address);
        if (SysfsPci.DriverOf(root, address) is { } driver)
        {
            throw new IOException($"{address} is {driver}'s; take it from there first");
        }

        try
        {
            File.WriteAllText(Path.Combine(folder, "enable"), "1");
            SafeFileHandle config = File.OpenHandle(Path.Combine(folder, "config"), FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
            try
            {
                return new SysfsFunction(folder, address, space, config);
            }
            catch
            {
                config.Dispose();
                throw;
            }
        }
        catch (UnauthorizedAccessException e)
        {
            throw new IOException($"cannot use {address}: {e.Message}; be root, as devices without an IOMMU need", e);
        }
    }

    /// <inheritdoc/>
    public override uint ReadConfig(int offset, int width)
    {
        CheckConfig(offset, width);
        Span<byte> value = stackalloc byte[sizeof(uint)];
        value.Clear();
        return RandomAccess.Read(_config, value[..width], offset) == width ? BinaryPrimitives.ReadUInt32LittleEndian(value) : uint.MaxValue >> (32 - (8 * width));
    }

    /// <inheritdoc/>
    public override void WriteConfig(int offset, int width, uint value)
    {
        CheckConfig(offset, width);
        uint mask = _filter.Mask(offset, width);
        if (mask != 0)
        {
            SetConfig(offset, width, (ReadConfig(offset, width) & ~mask) | (value & mask));
        }
    }

    /// <inheritdoc/>
    public override PciBar GetBar(int index)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)index, (uint)BarCount, nameof(index));
        return _bars[index];
    }

    /// <inheritdoc/>
    public override RegisterSpace MapBar(int index)
    {
        PciBar bar = GetBar(index);
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (bar.Kind is not (PciBarKind.Memory32 or PciBarKind.Memory64))
        {
            throw new IOException($"{Address} has no registers in memory at base address register {index}; it has {string.Join(", ", _bars.Where(b => b.Kind != PciBarKind.None).Select(b => $"{b.Index} ({b.Kind}, {b.Length} bytes)"))}");
        }

        if (_mapped[index] is null)
        {
            using SafeFileHandle file = File.OpenHandle(Path.Combine(_folder, $"resource{index}"), FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
            _mapped[index] = LinuxMappedMemory.Map(file, 0, bar.Length, 4096, Libc.PROT_READ | Libc.PROT_WRITE);
        }

        return RegisterSpace.UnsafeCreate(_mapped[index]!.Address, bar.Length);
    }

    /// <inheritdoc/>
    public override void SetBusMaster(bool enabled) => SetCommand(PciConfig.CommandBusMaster, enabled);

    /// <inheritdoc/>
    public override void Reset()
    {
        SetBusMaster(false);
        string file = Path.Combine(_folder, "reset");
        if (!File.Exists(file))
        {
            throw new IOException($"{Address} has no reset that leaves its neighbours alone; reset it by its registers");
        }

        File.WriteAllText(file, "1");
        SetCommand(PciConfig.CommandBusMaster, false);
        SetCommand(PciConfig.CommandMemory, true);
        if (IsGone)
        {
            throw new IOException($"{Address} did not come back from its reset; it counts as gone");
        }
    }

    /// <inheritdoc/>
    public override PciInterrupts EnableInterrupts(int count) => throw new ArgumentOutOfRangeException(nameof(count), $"{Address} has no interrupts without VFIO; poll it");

    /// <inheritdoc/>
    public override void DisableInterrupts()
    {
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (_disposed)
        {
            return;
        }

        _disposed = true;
        if (!_config.IsClosed)
        {
            SetCommand(PciConfig.CommandBusMaster, false);
        }

        foreach (MappedMemory? memory in _mapped)
        {
            memory?.Dispose();
        }

        _config.Dispose();
        try
        {
            File.WriteAllText(Path.Combine(_folder, "enable"), "0");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // It was unplugged.
        }
    }

    private static PciBar[] ReadBars(string[] resources)
    {
        PciBar[] bars = [.. Enumerable.Range(0, BarCount).Select(i => new PciBar(i, PciBarKind.None, 0, false))];
        for (int i = 0; i < Math.Min(BarCount, resources.Length); i++)
        {
            ulong[] parts = [.. resources[i].Split(' ').Select(p => p.Length > 2 && ulong.TryParse(p.AsSpan(2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out ulong v) ? v : 0)];
            if (parts is [var start, var end, var flags] && end > start && (flags & (FlagPorts | FlagMemory)) != 0)
            {
                PciBarKind kind = (flags & FlagPorts) != 0 ? PciBarKind.Ports : (flags & Flag64) != 0 ? PciBarKind.Memory64 : PciBarKind.Memory32;
                bars[i] = new PciBar(i, kind, end - start + 1, (flags & FlagPrefetchable) != 0);
            }
        }

        return bars;
    }

    private PciIdentity ReadIdentity() =>
        PciIdentity.FromConfig(ReadConfig(PciConfig.VendorId, 4), ReadConfig(PciConfig.RevisionId, 4), ReadConfig(PciConfig.SubsystemVendorId, 4));

    private void SetConfig(int offset, int width, uint value)
    {
        Span<byte> bytes = stackalloc byte[sizeof(uint)];
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, value);
        RandomAccess.Write(_config, bytes[..width], offset);
    }

    private void SetCommand(ushort bits, bool set)
    {
        uint command = ReadConfig(PciConfig.Command, 2);
        if (command != ushort.MaxValue)
        {
            SetConfig(PciConfig.Command, 2, set ? command | bits : command & ~(uint)bits);
        }
    }
}
