namespace Makatea.Vmm.Boot;

/// <summary>Loads a bzImage by the 64-bit boot protocol ([LINUX-BOOT] 64-bit Boot Protocol).</summary>
internal static class LinuxKernel
{
    /// <summary>Where in its code the 64-bit entry is.</summary>
    internal const int EntryOffset = 0x200;

    internal static InitialCpuState Load(BootRequest request)
    {
        SetupHeader header = SetupHeader.Read(request.Kernel);
        GuestWriter writer = new(request.Memory);

        AddressRange kernel = Place(header, request.Layout);
        writer.Copy(request.Kernel, "the kernel image", header.CodeOffset, kernel.First, header.CodeLength);
        AddressRange initramfs = Initramfs.Load(request, writer, kernel.End, (ulong)header.InitramfsLast + 1);
        CommandLine.Write(request.CommandLine, writer, header.CommandLineLength);
        ulong seed = RandomSeed.Write(request.RandomSeed.Span, writer);

        ZeroPage page = new(header);
        page.Describe(initramfs, BootArea.CommandLine, request.RootPointer, seed);
        page.Describe(MemoryMap.Create(request.Layout));
        writer.Write(BootArea.ZeroPage, page.Bytes);

        PageTables.WriteIdentity(writer, BootArea.PageTables);
        return InitialCpuState.LongMode(writer, kernel.First + EntryOffset, BootArea.ZeroPage);
    }

    // Where it wants to be, and nowhere else: a kernel that is loaded lower moves itself there, and one that is loaded higher only wastes what is below.
    private static AddressRange Place(SetupHeader header, GuestLayout layout)
    {
        AddressRange place = new(header.PreferredAddress, Math.Max(header.InitSize, header.CodeLength));
        return place.First >= BootArea.HighMemory && layout.LowMemory.Contains(place)
            ? place
            : throw new BootException(
                $"the kernel wants {place.Length} bytes at 0x{place.First:x}; from 0x{BootArea.HighMemory:x} to 0x{layout.LowMemory.End:x} the guest has memory for it");
    }
}
