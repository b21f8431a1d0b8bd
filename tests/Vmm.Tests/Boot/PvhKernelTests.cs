using Makatea.Platform;
using Makatea.Vmm.Boot;

namespace Makatea.Vmm.Tests.Boot;

/// <summary>[PVH], [ELF-64].</summary>
public sealed class PvhKernelTests : IDisposable
{
    private const ulong Memory = 32 << 20;
    private readonly TestGuest _guest = new(Memory);

    [Fact]
    public void Segments_are_loaded_and_the_rest_of_them_is_cleared()
    {
        byte[] image = PvhImage.Make();
        _guest.At(PvhImage.CodeAddress, (int)PvhImage.CodeMemoryLength + 16).Fill(0xee);
        KernelLoader.Load(_guest.Request(image));
        Assert.True(image.AsSpan(PvhImage.Code, PvhImage.CodeLength).SequenceEqual(_guest.At(PvhImage.CodeAddress, PvhImage.CodeLength)));
        Assert.True(image.AsSpan(PvhImage.Data, PvhImage.DataLength).SequenceEqual(_guest.At(PvhImage.DataAddress, PvhImage.DataLength)));
        Span<byte> rest = _guest.At(PvhImage.CodeAddress + PvhImage.CodeLength, (int)PvhImage.CodeMemoryLength - PvhImage.CodeLength + 16);
        Assert.Equal(rest.Length - 16, rest.IndexOfAnyExcept((byte)0));
    }

    [Fact]
    public void The_processor_starts_in_32_bit_mode_without_paging()
    {
        InitialCpuState state = KernelLoader.Load(_guest.Request(PvhImage.Make()));
        CpuSystemRegisters system = state.SystemRegisters;
        Assert.Equal((PvhImage.Entry, 2UL), (state.Registers.Rip, state.Registers.Rflags));
        Assert.Equal((0x11UL, 0UL, 0UL, 0UL), (system.Cr0, system.Cr3, system.Cr4, system.Efer));
        Assert.Equal(0x00cf_9b00_0000_ffffUL, _guest.UInt64(system.Gdt.Base + system.Cs.Selector));
        Assert.All([system.Ds, system.Es, system.Ss], segment => Assert.Equal((0UL, uint.MaxValue), (segment.Base, segment.Limit)));
        Assert.Equal((0x67U, 0UL), (system.Tr.Limit, system.Tr.Base));
    }

    [Fact]
    public void Ebx_holds_the_start_info_of_version_1()
    {
        byte[] initramfs = new byte[4097];
        initramfs[4096] = 7;
        BootRequest request = _guest.Request(PvhImage.Make()) with { Initramfs = BootImage.FromMemory(initramfs), CommandLine = "x", RootPointer = 0xe_0000 };
        ulong info = KernelLoader.Load(request).Registers.Rbx;
        Assert.Equal((0x336e_c578U, 1U, 0U, 1U), (_guest.UInt32(info), _guest.UInt32(info + 4), _guest.UInt32(info + 8), _guest.UInt32(info + 12)));
        ulong module = _guest.UInt64(info + 16);
        Assert.Equal((Memory - 8192, 4097UL, 0UL, 0UL), (_guest.UInt64(module), _guest.UInt64(module + 8), _guest.UInt64(module + 16), _guest.UInt64(module + 24)));
        Assert.Equal(7, _guest.At(_guest.UInt64(module) + 4096, 1)[0]);
        Assert.Equal("x\0"u8, _guest.At(_guest.UInt64(info + 24), 2));
        Assert.Equal(0xe_0000UL, _guest.UInt64(info + 32));

        ulong map = _guest.UInt64(info + 40);
        IReadOnlyList<MemoryMapEntry> expected = MemoryMap.Create(_guest.Layout);
        Assert.Equal(((uint)expected.Count, 0U), (_guest.UInt32(info + 48), _guest.UInt32(info + 52)));
        for (uint i = 0; i < expected.Count; i++)
        {
            ulong entry = map + i * 24;
            Assert.Equal(expected[(int)i], new(new(_guest.UInt64(entry), _guest.UInt64(entry + 8)), (MemoryMapType)_guest.UInt32(entry + 16)));
            Assert.Equal(0U, _guest.UInt32(entry + 20));
        }
    }

    [Fact]
    public void Without_an_initramfs_there_is_no_module()
    {
        ulong info = KernelLoader.Load(_guest.Request(PvhImage.Make())).Registers.Rbx;
        Assert.Equal((0U, 0UL), (_guest.UInt32(info + 12), _guest.UInt64(info + 16)));
    }

    [Fact]
    public void The_entry_may_have_4_bytes() =>
        Assert.Equal(PvhImage.Entry, KernelLoader.Load(_guest.Request(PvhImage.Make(PvhImage.Note("Xen\0", 18, BitConverter.GetBytes(PvhImage.Entry))))).Registers.Rip);

    [Fact]
    public void Notes_may_be_aligned_to_8_bytes()
    {
        byte[] notes = [.. PvhImage.Note("GNU\0", 5, new byte[12], 8), .. PvhImage.Note("Xen\0", 18, BitConverter.GetBytes((ulong)PvhImage.Entry), 8)];
        Assert.Equal(PvhImage.Entry, KernelLoader.Load(_guest.Request(PvhImage.Make(notes, notesAlignment: 8))).Registers.Rip);
    }

    [Theory]
    [InlineData(4, 1, 1, "class 1")]
    [InlineData(5, 2, 1, "byte order 2")]
    [InlineData(16, 3, 2, "type 3")]
    [InlineData(18, 183, 2, "machine 183")]
    [InlineData(54, 57, 2, "program headers of 57 bytes")]
    [InlineData(56, 0, 2, "0 program headers")]
    [InlineData(56, 65, 2, "65 program headers")]
    [InlineData(32, 0x37a9, 8, "would lie outside")]
    [InlineData(32, 0xffff_ffff_ffff_ffff, 8, "would lie outside")]
    [InlineData(PvhImage.Headers + 8, 0x2001, 8, "segment 0, 6144 bytes at offset 8193, would lie outside")]
    [InlineData(PvhImage.Headers + 8, 0xffff_ffff_ffff_f000, 8, "would lie outside")]
    [InlineData(PvhImage.Headers + 32, 0xffff_ffff_ffff_f000, 8, "would lie outside")]
    [InlineData(PvhImage.Headers + 24, 0xf_f000, 8, "the guest has memory for it")]
    [InlineData(PvhImage.Headers + 24, Memory - 0x2000, 8, "the guest has memory for it")]
    [InlineData(PvhImage.Headers + 24, 0xffff_ffff_ffff_f000, 8, "the guest has memory for it")]
    [InlineData(PvhImage.Headers + 40, 0xffff_ffff_ffff_ffff, 8, "the guest has memory for it")]
    [InlineData(PvhImage.Headers + 40, 0x17ff, 8, "the guest has memory for it")]
    [InlineData(PvhImage.Headers + 24, PvhImage.DataAddress - 0x1000, 8, "overlap")]
    [InlineData(PvhImage.Headers + 24, 0x80_0000, 8, "in none of its segments")]
    [InlineData(PvhImage.Headers, 0, 4, "in none of its segments")]
    [InlineData(PvhImage.Headers + (2 * PvhImage.HeaderLength), 5, 4, "without the note")]
    [InlineData(PvhImage.Headers + (2 * PvhImage.HeaderLength) + 32, 0x1_0001, 8, "would lie outside")]
    [InlineData(PvhImage.Notes, 0xffff_ffff, 4, "where")]
    [InlineData(PvhImage.Notes + 4, 0xffff_ffff, 4, "where")]
    public void An_image_that_cannot_be_loaded_is_refused(int offset, ulong value, int width, string says) =>
        Assert.Contains(says, Assert.Throws<BootException>(() => KernelLoader.Load(_guest.Request(PvhImage.With(offset, value, width)))).Message);

    [Theory]
    [InlineData("Xen\0", 17, 8, "without the note")]
    [InlineData("XEN\0", 18, 8, "without the note")]
    [InlineData("Xen\0", 18, 6, "has 6 bytes")]
    [InlineData("Xen\0", 18, 0, "has 0 bytes")]
    public void A_note_that_does_not_tell_the_entry_is_refused(string owner, uint type, int length, string says) =>
        Assert.Contains(says, Assert.Throws<BootException>(() => KernelLoader.Load(_guest.Request(PvhImage.Make(PvhImage.Note(owner, type, new byte[length]))))).Message);

    [Fact]
    public void An_entry_above_4_GiB_is_refused() => Assert.Contains(
        "32-bit mode does not reach",
        Assert.Throws<BootException>(() => KernelLoader.Load(_guest.Request(PvhImage.Make(PvhImage.Note("Xen\0", 18, BitConverter.GetBytes(1UL << 32)))))).Message);

    [Fact]
    public void The_initramfs_lies_behind_the_kernel()
    {
        ulong room = Memory - PvhImage.DataAddress - 0x1000;
        KernelLoader.Load(_guest.Request(PvhImage.Make()) with { Initramfs = BootImage.FromMemory(new byte[room]) });
        Assert.Throws<BootException>(() => KernelLoader.Load(_guest.Request(PvhImage.Make()) with { Initramfs = BootImage.FromMemory(new byte[room + 1]) }));
    }

    public void Dispose() => _guest.Dispose();
}
