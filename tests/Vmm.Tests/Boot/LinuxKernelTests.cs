using System.Text;
using Makatea.Platform;
using Makatea.Vmm.Boot;
using Moq;

namespace Makatea.Vmm.Tests.Boot;

/// <summary>[LINUX-BOOT] 64-bit Boot Protocol, The Real-Mode Kernel Header, zero-page.</summary>
public sealed class LinuxKernelTests : IDisposable
{
    private const ulong Memory = 64 << 20;
    private readonly TestGuest _guest = new(Memory);

    [Fact]
    public void The_code_lies_at_the_preferred_address_and_is_entered_at_0x200()
    {
        byte[] image = BzImage.Make();
        InitialCpuState state = KernelLoader.Load(_guest.Request(image));
        Assert.Equal(BzImage.PreferredAddress + 0x200, state.Registers.Rip);
        Assert.True(image.AsSpan(BzImage.CodeOffset).SequenceEqual(_guest.At(BzImage.PreferredAddress, BzImage.CodeLength)));
    }

    [Fact]
    public void Rsi_holds_the_zero_page_with_the_header_of_the_image()
    {
        byte[] image = BzImage.Make();
        ulong page = KernelLoader.Load(_guest.Request(image)).Registers.Rsi;
        Assert.Equal(0, _guest.At(page + 0x1ef, 1)[0]); // the sentinel: everything beside the header was cleared
        Span<byte> header = _guest.At(page + 0x1f1, 0x26c - 0x1f1);
        Assert.Equal(0xff, header[0x210 - 0x1f1]);
        header[0x210 - 0x1f1] = 0;
        header[(0x228 - 0x1f1)..(0x22c - 0x1f1)].Clear(); // the command line, which is the loader's
        Assert.True(image.AsSpan(0x1f1, header.Length).SequenceEqual(header));
        Assert.True(_guest.At(page + 0x26c, 0x2d0 - 0x26c).IndexOfAnyExcept((byte)0) < 0);
    }

    [Fact]
    public void The_zero_page_replaces_what_was_in_memory()
    {
        _guest.At(0x7000, 4096).Fill(0xff);
        ulong page = KernelLoader.Load(_guest.Request(BzImage.Make())).Registers.Rsi;
        Assert.Equal(0, _guest.At(page, 0x1e8).IndexOfAnyExcept((byte)0) + 1);
    }

    [Fact]
    public void The_zero_page_has_the_memory_map_and_the_root_pointer()
    {
        ulong page = KernelLoader.Load(_guest.Request(BzImage.Make()) with { RootPointer = 0xe_0000 }).Registers.Rsi;
        Assert.Equal(0xe_0000UL, _guest.UInt64(page + 0x70));
        IReadOnlyList<MemoryMapEntry> map = MemoryMap.Create(_guest.Layout);
        Assert.Equal(map.Count, _guest.At(page + 0x1e8, 1)[0]);
        for (uint i = 0; i < map.Count; i++)
        {
            ulong entry = page + 0x2d0 + i * 20;
            Assert.Equal(map[(int)i], new(new(_guest.UInt64(entry), _guest.UInt64(entry + 8)), (MemoryMapType)_guest.UInt32(entry + 16)));
        }
    }

    [Fact]
    public void The_command_line_is_copied_with_its_terminator()
    {
        ulong page = KernelLoader.Load(_guest.Request(BzImage.Make()) with { CommandLine = "console=ttyS0 quiet" }).Registers.Rsi;
        Assert.Equal("console=ttyS0 quiet\0"u8, _guest.At(_guest.UInt32(page + 0x228), 20));
    }

    [Fact]
    public void The_command_line_may_be_as_long_as_the_kernel_says()
    {
        KernelLoader.Load(_guest.Request(BzImage.Make()) with { CommandLine = new string('a', 2047) });
        BootException e = Assert.Throws<BootException>(() => KernelLoader.Load(_guest.Request(BzImage.Make()) with { CommandLine = new string('a', 2048) }));
        Assert.Equal("the command line has 2048 bytes; the kernel takes 2047", e.Message);
    }

    [Fact]
    public void The_command_line_has_room_of_its_own_whatever_the_kernel_says()
    {
        byte[] image = BzImage.With(0x238, uint.MaxValue, 4);
        KernelLoader.Load(_guest.Request(image) with { CommandLine = new string('a', 65535) });
        Assert.Throws<BootException>(() => KernelLoader.Load(_guest.Request(image) with { CommandLine = new string('a', 65536) }));
    }

    [Fact]
    public void The_command_line_holds_no_terminator() =>
        Assert.Throws<BootException>(() => KernelLoader.Load(_guest.Request(BzImage.Make()) with { CommandLine = "a\0b" }));

    [Theory]
    [InlineData(0x7fff_ffff, Memory)]
    [InlineData(0x2ff_ffff, 0x300_0000)]
    public void The_initramfs_ends_where_the_kernel_and_memory_allow(uint last, ulong end)
    {
        byte[] initramfs = Encoding.ASCII.GetBytes(new string('i', 5000));
        ulong page = KernelLoader.Load(_guest.Request(BzImage.With(0x22c, last, 4)) with { Initramfs = BootImage.FromMemory(initramfs) }).Registers.Rsi;
        ulong address = _guest.UInt32(page + 0x218);
        Assert.Equal(end - 8192, address);
        Assert.Equal(5000U, _guest.UInt32(page + 0x21c));
        Assert.True(initramfs.AsSpan().SequenceEqual(_guest.At(address, initramfs.Length)));
    }

    [Fact]
    public void The_initramfs_leaves_the_kernel_the_room_that_it_asked_for()
    {
        ulong room = Memory - BzImage.PreferredAddress - BzImage.InitSize;
        KernelLoader.Load(_guest.Request(BzImage.Make()) with { Initramfs = new Zeroes(room) });
        BootException e = Assert.Throws<BootException>(() => KernelLoader.Load(_guest.Request(BzImage.Make()) with { Initramfs = new Zeroes(room + 1) }));
        Assert.Equal($"the initramfs has {room + 1} bytes; from 0x1200000, behind the kernel, to 0x4000000 there is room for {room}", e.Message);
        Assert.Throws<BootException>(() => KernelLoader.Load(_guest.Request(BzImage.Make()) with { Initramfs = new Zeroes(ulong.MaxValue) }));
    }

    [Fact]
    public void The_random_seed_is_the_only_node_of_setup_data()
    {
        byte[] seed = [.. Enumerable.Range(1, 32).Select(i => (byte)i)];
        ulong page = KernelLoader.Load(_guest.Request(BzImage.Make()) with { RandomSeed = seed }).Registers.Rsi;
        ulong node = _guest.UInt64(page + 0x250);
        Assert.Equal((0UL, 9U, 32U), (_guest.UInt64(node), _guest.UInt32(node + 8), _guest.UInt32(node + 12)));
        Assert.True(seed.AsSpan().SequenceEqual(_guest.At(node + 16, 32)));
        Assert.Throws<BootException>(() => KernelLoader.Load(_guest.Request(BzImage.Make()) with { RandomSeed = new byte[513] }));
    }

    [Theory]
    [InlineData(0x1fe, 0, 2, "neither an ELF file nor a bzImage")]
    [InlineData(0x202, 0x12345678, 4, "it has 0x12345678 where")]
    [InlineData(0x206, 0x20b, 2, "boot protocol 2.11")]
    [InlineData(0x211, 0, 1, "no 64-bit entry")]
    [InlineData(0x236, 0x3e, 2, "no 64-bit entry")]
    [InlineData(0x201, 0x8f, 1, "ends at 0x291")]
    [InlineData(0x201, 0x00, 1, "ends at 0x202")]
    [InlineData(0x1f1, 0xff, 1, "cut short")]
    [InlineData(0x1f4, 0, 4, "cut short")]
    [InlineData(0x1f4, 0x20, 4, "cut short")]
    [InlineData(0x1f4, 0x401, 4, "cut short")]
    [InlineData(0x1f4, 0xffff_ffff, 4, "cut short")]
    [InlineData(0x258, 0, 8, "the kernel wants")]
    [InlineData(0x258, 0xf_ffff, 8, "the kernel wants")]
    [InlineData(0x258, 0xffff_ffff_ffff_f000, 8, "the kernel wants")]
    [InlineData(0x258, Memory - 0x1f_ffff, 8, "the kernel wants")]
    [InlineData(0x260, 0xffff_ffff, 4, "the kernel wants")]
    public void An_image_that_cannot_be_loaded_is_refused(int offset, ulong value, int width, string says) =>
        Assert.Contains(says, Assert.Throws<BootException>(() => KernelLoader.Load(_guest.Request(BzImage.With(offset, value, width)))).Message);

    [Fact]
    public void What_follows_the_code_in_the_image_is_left_out()
    {
        KernelLoader.Load(_guest.Request([.. BzImage.Make(), .. "signature"u8]));
        Assert.True(_guest.At(BzImage.PreferredAddress + BzImage.CodeLength, 16).IndexOfAnyExcept((byte)0) < 0);
    }

    [Fact]
    public void The_last_16_bytes_of_code_may_be_a_part() => KernelLoader.Load(_guest.Request(BzImage.Make()[..^15]));

    [Fact]
    public void No_sectors_of_setup_mean_four()
    {
        byte[] image = BzImage.With(0x1f1, 0, 1);
        byte[] longer = [.. image, .. new byte[512]];
        KernelLoader.Load(_guest.Request(longer));
        Assert.True(longer.AsSpan(5 * 512, BzImage.CodeLength).SequenceEqual(_guest.At(BzImage.PreferredAddress, BzImage.CodeLength)));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(3)]
    [InlineData(1023)]
    public void An_image_shorter_than_its_headers_is_refused(int length) =>
        Assert.Contains($"has {length} bytes", Assert.Throws<BootException>(() => KernelLoader.Load(_guest.Request(BzImage.Make()[..length]))).Message);

    [Fact]
    public void An_image_that_shrinks_meanwhile_is_refused() =>
        Assert.Contains("cannot be read", Assert.Throws<BootException>(() => KernelLoader.Load(_guest.Request(new Shrinking(BzImage.Make())))).Message);

    [Fact]
    public void The_processor_starts_in_64_bit_mode_on_flat_segments()
    {
        InitialCpuState state = KernelLoader.Load(_guest.Request(BzImage.Make()));
        CpuSystemRegisters system = state.SystemRegisters;
        Assert.Equal((0x8000_0011UL, 0x20UL, 0x500UL, 2UL), (system.Cr0, system.Cr4, system.Efer, state.Registers.Rflags));
        Assert.Equal(0x10, system.Cs.Selector);
        Assert.All([system.Ds, system.Es, system.Fs, system.Gs, system.Ss], segment => Assert.Equal(CpuSegment.Data(0x18), segment));
        // What the processor would load from the table is what it starts with.
        Assert.Equal(0x00af_9b00_0000_ffffUL, _guest.UInt64(system.Gdt.Base + system.Cs.Selector));
        Assert.Equal(0x00cf_9300_0000_ffffUL, _guest.UInt64(system.Gdt.Base + system.Ds.Selector));
        Assert.Equal(0x0000_8b00_0000_0067UL, _guest.UInt64(system.Gdt.Base + system.Tr.Selector));
        Assert.Equal(0x2f, system.Gdt.Limit);
    }

    [Fact]
    public void Applying_the_state_leaves_the_APIC_as_it_is()
    {
        InitialCpuState state = KernelLoader.Load(_guest.Request(BzImage.Make()));
        Mock<VirtualCpu> cpu = new(MockBehavior.Strict);
        CpuSystemRegisters now = CpuSystemRegisters.AfterReset(0xfee0_0d00);
        cpu.Setup(c => c.GetSystemRegisters(out now));
        CpuSystemRegisters expected = state.SystemRegisters with { ApicBase = 0xfee0_0d00 };
        cpu.Setup(c => c.SetSystemRegisters(expected));
        cpu.Setup(c => c.SetRegisters(state.Registers));
        state.ApplyTo(cpu.Object);
        cpu.VerifyAll();
    }

    /// <summary>[SDM] volume 3, 4.5: each of the first 4 GiB's pages of 2 MiB is walked to.</summary>
    [Fact]
    public void The_first_4_GiB_are_mapped_to_themselves()
    {
        ulong root = KernelLoader.Load(_guest.Request(BzImage.Make())).SystemRegisters.Cr3;
        for (ulong address = 0; address < 1UL << 32; address += 2 << 20)
        {
            ulong table = root;
            foreach (int shift in (int[])[39, 30])
            {
                ulong entry = _guest.UInt64(table + ((address >> shift) & 0x1ff) * 8);
                Assert.Equal(3UL, entry & 0xfff);
                table = entry & ~0xfffUL;
            }

            Assert.Equal(address | 0x83, _guest.UInt64(table + ((address >> 21) & 0x1ff) * 8));
        }

        Assert.True(_guest.At(root + 8, 4088).IndexOfAnyExcept((byte)0) < 0);
    }

    public void Dispose() => _guest.Dispose();

    private sealed class Zeroes(ulong length) : BootImage
    {
        public override ulong Length => length;

        public override void Read(ulong offset, Span<byte> destination) => destination.Clear();
    }

    private sealed class Shrinking(byte[] bytes) : BootImage
    {
        public override ulong Length => (ulong)bytes.Length;

        public override void Read(ulong offset, Span<byte> destination) => FromMemory(bytes.AsMemory(0, BzImage.CodeOffset)).Read(offset, destination);
    }
}
