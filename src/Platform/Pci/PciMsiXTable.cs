namespace Makatea.Platform;

/// <summary>The MSI-X capability of a function and the table in its registers ([PCI-3.0] 6.8.2), for whoever hands the function out.</summary>
public sealed class PciMsiXTable
{
    private const int Control = 2;
    private const int Table = 4;
    private const uint Enable = 1 << 15;
    private const uint MaskAll = 1 << 14;
    private const uint SizeBits = 0x7ff;
    private const int BarCount = 6;
    private const uint BarBits = 7;
    private const uint EntryLength = 16;
    private const uint EntryData = 8;
    private const uint EntryControl = 12;
    private const uint EntryMasked = 1;

    private readonly PciConfigSpace _config;
    private readonly int _capability;
    private readonly ulong _offset;

    private PciMsiXTable(PciConfigSpace config, int capability, int count, int bar, ulong offset)
    {
        _config = config;
        _capability = capability;
        _offset = offset;
        Count = count;
        Bar = bar;
    }

    /// <summary>Number of vectors, 1 to 2048.</summary>
    public int Count { get; }

    /// <summary>The base address register whose registers hold the table.</summary>
    public int Bar { get; }

    /// <summary>Looks at a capability.</summary>
    /// <param name="config">The function's configuration space.</param>
    /// <param name="capability">Offset of the capability; 0 where there is none.</param>
    /// <param name="bars">The base address registers, by index.</param>
    /// <returns>Null where it names a table that is not inside one of the function's registers.</returns>
    public static PciMsiXTable? Find(PciConfigSpace config, int capability, IReadOnlyList<PciBar> bars)
    {
        ArgumentNullException.ThrowIfNull(config);
        ArgumentNullException.ThrowIfNull(bars);
        if (capability is 0 or > PciConfig.Length - 12)
        {
            return null;
        }

        int count = (int)(config.Read(capability + Control, 2) & SizeBits) + 1;
        uint table = config.Read(capability + Table, 4);
        int bar = (int)(table & BarBits);
        ulong offset = table & ~BarBits;
        return bar < BarCount && bars[bar] is { Kind: PciBarKind.Memory32 or PciBarKind.Memory64 } b
            && offset < b.Length && b.Length - offset >= (ulong)count * EntryLength
            ? new PciMsiXTable(config, capability, count, bar, offset)
            : null;
    }

    /// <summary>Writes the entries of <paramref name="messages"/>, masks the others and switches MSI-X on.</summary>
    /// <param name="registers">Registers of <see cref="Bar"/>.</param>
    /// <param name="messages">The messages, by vector.</param>
    public void Program(RegisterSpace registers, IReadOnlyList<InterruptMessage> messages)
    {
        ArgumentNullException.ThrowIfNull(messages);
        WriteControl(Enable | MaskAll);
        RegisterSpace table = registers.Slice(_offset, (ulong)Count * EntryLength);
        for (int i = 0; i < Count; i++)
        {
            ulong entry = (ulong)i * EntryLength;
            uint control = table.ReadUInt32(entry + EntryControl);
            if (i >= messages.Count)
            {
                // As they are after a reset, unless somebody was here before.
                if ((control & EntryMasked) == 0)
                {
                    table.WriteUInt32(entry + EntryControl, control | EntryMasked);
                }

                continue;
            }

            table.WriteUInt32(entry, (uint)messages[i].Address);
            table.WriteUInt32(entry + 4, (uint)(messages[i].Address >> 32));
            table.WriteUInt32(entry + EntryData, messages[i].Data);
            table.WriteUInt32(entry + EntryControl, control & ~EntryMasked);
        }

        WriteControl(Enable);
    }

    /// <summary>Switches MSI-X off.</summary>
    public void Disable() => WriteControl(0);

    private void WriteControl(uint bits)
    {
        uint kept = _config.Read(_capability + Control, 2) & ~(Enable | MaskAll);
        _config.Write(_capability + Control, 2, kept | bits);
    }
}
