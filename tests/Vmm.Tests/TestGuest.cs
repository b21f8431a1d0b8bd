using Makatea.Platform;
using Makatea.Platform.Linux;
using Makatea.Vmm.Boot;

namespace Makatea.Vmm.Tests;

/// <summary>A guest's memory, as its VMM has it: a shared memory of which the parts below and above the hole are regions.</summary>
internal sealed class TestGuest : IDisposable
{
    private readonly MappedMemory _mapping;

    public TestGuest(ulong memory, int physicalAddressBits = 40)
    {
        Layout = new GuestLayout(memory, physicalAddressBits);
        using Grant grant = new LinuxHost().CreateMemory("makatea-test-guest", memory);
        _mapping = grant.Map(0, memory, MemoryAccess.ReadWrite);
        List<GuestMemoryRegion> regions = [new(0, 0, Layout.LowMemory.Length, _mapping, 0)];
        if (Layout.HighMemory.Length != 0)
        {
            regions.Add(new(Layout.HighMemory.First, Layout.HighMemory.First, Layout.HighMemory.Length, _mapping, Layout.LowMemory.Length));
        }

        Memory = new GuestMemory(regions);
    }

    public GuestLayout Layout { get; }

    public GuestMemory Memory { get; }

    public BootRequest Request(BootImage kernel) => new() { Memory = Memory, Layout = Layout, Kernel = kernel };

    public BootRequest Request(byte[] kernel) => Request(BootImage.FromMemory(kernel));

    public Span<byte> At(ulong address, int length) =>
        Memory.TryTranslate(address, length, MemoryAccess.ReadWrite, out MemorySegment segment) ? segment.AsSpan() : throw new ArgumentOutOfRangeException(nameof(address));

    public ulong UInt64(ulong address) => BitConverter.ToUInt64(At(address, 8));

    public uint UInt32(ulong address) => BitConverter.ToUInt32(At(address, 4));

    public void Dispose() => _mapping.Dispose();
}
