using System.Globalization;

namespace Makatea.Platform.Linux.Tests;

/// <summary>Memory for devices without an IOMMU. (Devices that use it: tests/EndToEnd, in a guest.)</summary>
public sealed class PhysicalDmaSpaceTests
{
    private const ulong HugePage = 2 << 20;

    [SkippableFact]
    public void Memory_in_pieces_is_refused()
    {
        using PhysicalDmaSpace space = Open();
        using Grant grant = new LinuxHost().CreateMemory("pieces", HugePage);
        using MappedMemory memory = grant.Map(0, HugePage, MemoryAccess.ReadWrite);
        Assert.Contains("no huge pages", Assert.Throws<DmaException>(() => space.Map(memory, DmaAccess.ReadWrite)).Message, StringComparison.Ordinal);
        Assert.Empty(space.Mappings);
    }

    [SkippableFact]
    public void Huge_pages_are_where_they_are()
    {
        using PhysicalDmaSpace space = Open();
        Skip.If(FreeHugePages < 2, "there are no free huge pages: echo 64 > /proc/sys/vm/nr_hugepages");
        using DmaMemory first = space.Allocate(1);
        using DmaMemory second = space.Allocate(HugePage);
        Assert.Equal((HugePage, HugePage), (first.Length, second.Length));
        Assert.All([first, second], m => Assert.True(m.Iova != 0 && m.Iova % HugePage == 0));
        Assert.NotEqual(first.Iova, second.Iova);
        Assert.True(first.Slice(0, (int)HugePage).AsSpan().IndexOfAnyExcept((byte)0) < 0);
        int hint = 0;
        Assert.True(space.TryTranslate(second.Address + 5000, 100, ref hint, out ulong iova));
        Assert.Equal(second.Iova + 5000, iova);
    }

    [SkippableFact]
    public void Without_huge_pages_it_says_how_to_get_them()
    {
        using PhysicalDmaSpace space = Open();
        ulong more = ((ulong)FreeHugePages + 1) * HugePage;
        Assert.Contains("nr_hugepages", Assert.Throws<DmaException>(() => space.Allocate(more)).Message, StringComparison.Ordinal);
    }

    private static int FreeHugePages =>
        int.Parse(File.ReadLines("/proc/meminfo").First(l => l.StartsWith("HugePages_Free:", StringComparison.Ordinal)).Split(' ')[^1], CultureInfo.InvariantCulture);

    private static PhysicalDmaSpace Open()
    {
        Skip.IfNot(Environment.IsPrivilegedProcess, "only root is told where memory is: run the tests as root");
        return new PhysicalDmaSpace();
    }
}
