using Makatea.Platform;

namespace Makatea.Drivers.Pci;

/// <summary>Configuration space behind ports 0xcf8 and 0xcfc ([PCI-3.0] 3.2.2.3.2): the first 256 bytes, segment 0.</summary>
internal sealed class PortConfig(RegisterSpace ports) : ConfigAccess
{
    private const ulong Address = 0xcf8;
    private const ulong Data = 0xcfc;
    private const uint Enable = 1u << 31;

    // The two ports are one register in two steps.
    private readonly Lock _lock = new();

    /// <inheritdoc/>
    public override IReadOnlyList<(ushort Segment, byte First, byte Last)> Buses { get; } = [(0, 0, byte.MaxValue)];

    /// <inheritdoc/>
    public override int Length => PciConfig.Length;

    /// <inheritdoc/>
    public override uint Read(PciAddress function, int offset, int width)
    {
        lock (_lock)
        {
            ulong data = Select(function, offset);
            return width switch
            {
                1 => ports.ReadByte(data),
                2 => ports.ReadUInt16(data),
                _ => ports.ReadUInt32(data),
            };
        }
    }

    /// <inheritdoc/>
    public override void Write(PciAddress function, int offset, int width, uint value)
    {
        lock (_lock)
        {
            ulong data = Select(function, offset);
            switch (width)
            {
                case 1:
                    ports.WriteByte(data, (byte)value);
                    break;
                case 2:
                    ports.WriteUInt16(data, (ushort)value);
                    break;
                default:
                    ports.WriteUInt32(data, value);
                    break;
            }
        }
    }

    private ulong Select(PciAddress function, int offset)
    {
        ports.WriteUInt32(Address, Enable | ((uint)function.RequesterId << 8) | ((uint)offset & 0xfc));
        return Data + ((uint)offset & 3);
    }
}
