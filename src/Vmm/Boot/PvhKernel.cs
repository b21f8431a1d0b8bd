namespace Makatea.Vmm.Boot;

/// <summary>Loads an ELF kernel that is entered in 32-bit mode ([PVH] PVH entry point).</summary>
internal static class PvhKernel
{
    // Linux keeps 2048 bytes of it, whatever it is given.
    private const uint LongestCommandLine = 2047;

    internal static InitialCpuState Load(BootRequest request)
    {
        ElfSegment[] segments = ElfFile.ReadSegments(request.Kernel);
        uint entry = PvhNote.FindEntry(request.Kernel, segments);
        ElfSegment[] loaded = Array.FindAll(segments, segment => segment.Type == ElfSegment.Load && segment.MemoryLength != 0);
        CheckPlaces(loaded, request.Layout);
        if (!Array.Exists(loaded, segment => segment.Memory.Contains(new(entry, 1))))
        {
            throw new BootException($"the kernel image is to be entered at 0x{entry:x}, which is in none of its segments");
        }

        GuestWriter writer = new(request.Memory);
        foreach (ElfSegment segment in loaded)
        {
            writer.Copy(request.Kernel, "the kernel image", segment.Offset, segment.Address, segment.FileLength);
            writer.Clear(segment.Address + segment.FileLength, segment.MemoryLength - segment.FileLength);
        }

        AddressRange initramfs = Initramfs.Load(request, writer, loaded.Max(segment => segment.Memory.End), GuestLayout.HoleStart);
        CommandLine.Write(request.CommandLine, writer, LongestCommandLine);
        StartInfo info = new(initramfs, BootArea.CommandLine, request.RootPointer, MemoryMap.Create(request.Layout));
        writer.Write(BootArea.StartInfo, info.Bytes);
        return InitialCpuState.ProtectedMode(writer, entry, (uint)BootArea.StartInfo);
    }

    private static void CheckPlaces(ElfSegment[] segments, GuestLayout layout)
    {
        for (int i = 0; i < segments.Length; i++)
        {
            ElfSegment segment = segments[i];
            if (segment.Address < BootArea.HighMemory || !layout.LowMemory.Contains(segment.Memory) || segment.FileLength > segment.MemoryLength)
            {
                throw new BootException(
                    $"a segment of the kernel image takes {segment.MemoryLength} bytes at 0x{segment.Address:x}, {segment.FileLength} of them from the file; from 0x{BootArea.HighMemory:x} to 0x{layout.LowMemory.End:x} the guest has memory for it");
            }

            // What is loaded is then no more than the memory that it is loaded to.
            if (Array.FindIndex(segments, 0, i, other => other.Memory.Overlaps(segment.Memory)) is var j and >= 0)
            {
                throw new BootException($"two segments of the kernel image overlap: {segments[j].Memory} and {segment.Memory}");
            }
        }
    }
}
