using Makatea.Platform;

namespace Makatea.Vmm.Boot;

/// <summary>
/// The global descriptor table of a guest that was just started, and its segments ([SDM] volume 3, 3.4.5). The selectors are those of Linux's boot protocols; PVH leaves them open.
/// </summary>
internal static class BootDescriptors
{
    internal const ushort CodeSelector = 0x10;
    internal const ushort DataSelector = 0x18;
    internal const ushort TaskSelector = 0x20;

    private const ushort Limit = TaskSelector + 2 * sizeof(ulong) - 1;
    private const uint BusyTask = 0x8b;
    private const uint Pages = 0x8000;

    internal static CpuSegment Data => CpuSegment.Data(DataSelector);

    /// <summary>A processor in VMX non-root operation has a task, even where nobody switches to it.</summary>
    internal static CpuSegment Task => new(TaskSelector, 0, 0x67, BusyTask);

    /// <summary>Writes the table, so that what the segments are loaded from is what they start with.</summary>
    internal static CpuTable Write(GuestWriter writer, CpuSegment code)
    {
        writer.Clear(BootArea.Descriptors, Limit + 1);
        writer.WriteUInt64(BootArea.Descriptors + code.Selector, Encode(code));
        writer.WriteUInt64(BootArea.Descriptors + DataSelector, Encode(Data));
        writer.WriteUInt64(BootArea.Descriptors + TaskSelector, Encode(Task));
        return new(BootArea.Descriptors, Limit);
    }

    // Of segments whose base is 0.
    private static ulong Encode(CpuSegment segment)
    {
        ulong limit = (segment.Rights & Pages) != 0 ? segment.Limit >> 12 : segment.Limit;
        ulong low = (limit & 0xffff) | ((ulong)segment.Rights & 0xff) << 40;
        return low | ((limit >> 16) & 0xf) << 48 | ((ulong)segment.Rights >> 12 & 0xf) << 52;
    }
}
