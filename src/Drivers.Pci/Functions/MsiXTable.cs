using Makatea.Platform;

namespace Makatea.Drivers.Pci;

/// <summary>The MSI-X capability of a function and the table in its registers ([PCI-3.0] 6.8.2).</summary>
internal sealed class MsiXTable
{
    private const int Control = 2;
    private const int Table = 4;
    private const uint Enable = 1 << 15;
    private const uint MaskAll = 1 << 14;
    private const uint SizeBits = 0x7ff;
    private const uint BarBits = 7;
    private const uint EntryLength = 16;
    private const uint EntryData = 8;
    private const uint EntryControl = 12;
    private const uint EntryMasked = 1;

    private readonly ConfigAccess _config;
    private readonly PciAddress _function;
    private readonly int _capability;
    private readonly ulong _offset;

    private MsiXTable(ConfigAccess config, PciAddress function, int capability, int count, int bar, ulong offset)
    {
        _config = config;
        _function = function;
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
    /// <returns>Null where it names a table that is not inside one of the function's registers.</returns>
    public static MsiXTable? Find(ConfigAccess config, PciAddress function, int capability, BarRegister[] bars)
    {
        if (capability is 0 or > PciConfig.Length - 12)
        {
            return null;
        }

        int count = (int)(config.Read(function, capability + Control, 2) & SizeBits) + 1;
        uint table = config.Read(function, capability + Table, 4);
        int bar = (int)(table & BarBits);
        ulong offset = table & ~BarBits;
        return bar < BarRegister.Count && bars[bar].Bar is { Kind: PciBarKind.Memory32 or PciBarKind.Memory64 } b
            && offset < b.Length && b.Length - offset >= (ulong)count * EntryLength
            ? new MsiXTable(config, function, capability, count, bar, offset)
            : null;
    }

    /// <summary>Writes the entries of <paramref name="messages"/>, masks the others and switches MSI-X on.</summary>
    public void Program(RegisterSpace registers, IReadOnlyList<InterruptMessage> messages)
    {
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
        uint kept = _config.Read(_function, _capability + Control, 2) & ~(Enable | MaskAll);
        _config.Write(_function, _capability + Control, 2, kept | bits);
    }
}
