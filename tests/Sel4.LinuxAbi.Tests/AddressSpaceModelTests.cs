namespace Makatea.Sel4.LinuxAbi.Tests;

/// <summary>Any row of mmap, munmap, mprotect, madvise and mremap leaves memory as a plain model of Linux says, and no page is lost.</summary>
[Collection(LayerCollection.Name)]
public sealed unsafe class AddressSpaceModelTests
{
    private const ulong Page = 4096;
    private const int Pages = 64;
    private const ulong Fixed = 0x32;

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Memory_is_as_a_plain_model_says(int seed)
    {
        using var component = new Component(21);
        var random = new Random(seed);
        ulong start = (ulong)component.Call(9, 0, Pages * Page, 0, 0x22)!.Value;
        ulong idle = PageStore.Used;
        var rights = new int?[Pages];
        var contents = new ulong[Pages];
        Array.Fill(rights, 0);
        ulong next = 1;
        for (int step = 0; step < 2000; step++)
        {
            int first = random.Next(Pages);
            int count = 1 + random.Next(Math.Min(12, Pages - first));
            ulong address = start + ((ulong)first * Page);
            ulong length = (ulong)count * Page;
            int wanted = random.Next(4) switch { 0 => 0, 1 => 1, _ => 3 };
            bool whole = Enumerable.Range(first, count).All(i => rights[i] is not null);
            switch (random.Next(6))
            {
                case 0:
                    Assert.Equal((long)address, component.Call(9, address, length, (ulong)wanted, Fixed));
                    rights.AsSpan(first, count).Fill(wanted);
                    contents.AsSpan(first, count).Clear();
                    break;
                case 1:
                    Assert.Equal(0, component.Call(11, address, length));
                    rights.AsSpan(first, count).Fill(null);
                    contents.AsSpan(first, count).Clear();
                    break;
                case 2:
                    Assert.Equal(whole ? 0 : Errno.NoMemory, component.Call(10, address, length, (ulong)wanted));
                    if (whole)
                    {
                        rights.AsSpan(first, count).Fill(wanted);
                    }

                    break;
                case 3:
                    Assert.Equal(0, component.Call(28, address, length, 4));
                    contents.AsSpan(first, count).Clear();
                    break;
                default:
                    for (int i = first; i < first + count; i++)
                    {
                        if (rights[i] == 3)
                        {
                            component.Write(start + ((ulong)i * Page), contents[i] = next++);
                        }
                    }

                    break;
            }

            Check(component, start, rights, contents);
        }

        Assert.Equal(0, component.Call(11, start, Pages * Page));
        Assert.Equal(0ul, AddressSpace.Promised);
        Assert.InRange(PageStore.Used, 0ul, idle + 2); // the tables stay
    }

    private static void Check(Component component, ulong start, int?[] rights, ulong[] contents)
    {
        ulong promised = 0;
        ulong end = 0;
        for (int i = 0; AddressSpace.TryGet(i, out Region region); i++)
        {
            Assert.True(region.Start >= end && region.End > region.Start);
            end = region.End;
            promised += region.IsPromised ? region.Pages : 0;
        }

        Assert.Equal(promised, AddressSpace.Promised);
        for (int i = 0; i < Pages; i++)
        {
            ulong address = start + ((ulong)i * Page);
            PageRights? found = AddressSpace.Find(address) is var region && region != null ? region->Rights : null;
            Assert.Equal((PageRights?)rights[i], found);
            if (rights[i] > 0)
            {
                Assert.Equal(contents[i], component.Read(address));
            }
        }
    }
}
