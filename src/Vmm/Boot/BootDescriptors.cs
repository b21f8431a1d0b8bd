namespace Makatea.Vmm.Boot;

/// <summary>
/// The global descriptor table of a guest that was just started, and its segments ([SDM] volume 3, 3.4.5). The selectors are those of Linux's boot protocols; PVH leaves them open.
/// </summary>
internal static class BootDescriptors
{
    internal const ushort CodeSelector = 0x10;
    internal const ushort DataSelector = 0x18;
    internal const ushort TaskSelector = 0x20;

    // The fields are those of a descriptor's bits 40 to 47 and 52 to 55: type, S, DPL, P; AVL, L, D/B, G.
    private const ushort ExecuteRead = 0x9b;
    private const ushort ReadWrite = 0x93;
    private const ushort BusyTask = 0x8b;
    private const ushort Is64Bit = 0x2000;
    private const ushort Is32Bit = 0x4000;
    private const ushort Pages = 0x8000;

    internal static BootSegment Code64 => new(CodeSelector, uint.MaxValue, ExecuteRead | Is64Bit | Pages);

    internal static BootSegment Code32 => new(CodeSelector, uint.MaxValue, ExecuteRead | Is32Bit | Pages);

    internal static BootSegment Data => new(DataSelector, uint.MaxValue, ReadWrite | Is32Bit | Pages);

    /// <summary>A processor in VMX non-root operation has a task, even where nobody switches to it.</summary>
    internal static BootSegment Task => new(TaskSelector, 0x67, BusyTask);

    /// <summary>The table's last byte, as its register holds it.</summary>
    internal const ushort Limit = TaskSelector + 2 * sizeof(ulong) - 1;

    internal static void Write(GuestWriter writer, BootSegment code)
    {
        writer.Clear(BootArea.Descriptors, Limit + 1);
        writer.WriteUInt64(BootArea.Descriptors + CodeSelector, Encode(code));
        writer.WriteUInt64(BootArea.Descriptors + DataSelector, Encode(Data));
        writer.WriteUInt64(BootArea.Descriptors + TaskSelector, Encode(Task));
    }

    /// <summary>A descriptor of a segment whose base is 0.</summary>
    internal static ulong Encode(BootSegment segment)
    {
        ulong limit = (segment.Attributes & Pages) != 0 ? segment.Limit >> 12 : segment.Limit;
        return (limit & 0xffff) | ((limit >> 16) & 0xf) << 48 | ((ulong)segment.Attributes & 0xff) << 40 | ((ulong)segment.Attributes >> 12 & 0xf) << 52;
    }
}
