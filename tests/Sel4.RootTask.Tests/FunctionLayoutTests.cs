using System.Buffers.Binary;

namespace Makatea.Sel4.RootTask.Tests;

/// <summary>What the root task makes of configuration space, and lets a component write there.</summary>
public sealed class FunctionLayoutTests
{
    private const uint Command = 4;
    private const uint Msi = 0x50;
    private const uint MsiX = 0x60;

    private readonly FakeConfig _config = new();

    public FunctionLayoutTests()
    {
        _config.Set(0, 0x0010_1b36);
        _config.Set(Command, 0x0010_0407); // Ports, memory, bus master; a list of capabilities.
        _config.Set(0x34, 0x40);
        _config.Set(0x40, 0x5001); // Power management, then MSI, then MSI-X.
        _config.Set(Msi, 0x0081_6005);
        _config.Set(MsiX, 0x8003_0011);
        _config.SetBar(0, 0xfebd_0004, 0xffff_c004, high: 0x1, highMask: 0xffff_ffff); // 16 KiB, 64 bits.
        _config.SetBar(2, 0xc001, 0xffe1); // Ports.
        _config.SetBar(3, 0xfebf_0000, 0xffff_ff00); // 256 bytes.
    }

    [Fact]
    public void Registers_are_found_with_their_lengths()
    {
        Assert.True(TryRead(out FunctionLayout<Config> layout));
        layout.GetBar(0, out ulong address, out ulong length, out byte flags);
        Assert.Equal((0x1_febd_0000ul, 0x4000ul, (byte)4), (address, length, flags));
        layout.GetBar(1, out _, out length, out _);
        Assert.Equal(0ul, length);
        layout.GetBar(2, out _, out length, out flags);
        Assert.Equal((0ul, (byte)1), (length, flags));
        layout.GetBar(3, out address, out length, out _);
        Assert.Equal((0xfebf_0000ul, 0x100ul), (address, length));
        Assert.Equal((0x0010_1b36u, 4u), (layout.Identity, layout.Vectors));
        Assert.Equal(0xfebd_0004u, _config.Get(0x10));
    }

    [Fact]
    public void A_function_is_off_when_it_is_handed_over()
    {
        Assert.True(TryRead(out _));
        Assert.Equal(0x0403u, _config.Get(Command) & 0xffff);
        Assert.Equal(0u, _config.Get(Msi) >> 16 & 1);
        Assert.Equal(0u, _config.Get(MsiX) >> 31);
    }

    [Fact]
    public void A_bridge_and_nothing_are_refused()
    {
        _config.Set(0x0c, 0x0081_0000);
        Assert.False(TryRead(out _));
        _config.Set(0, ~0u);
        Assert.False(TryRead(out _));
    }

    [Fact]
    public void A_component_switches_DMA_and_interrupts_and_nothing_else()
    {
        TryRead(out FunctionLayout<Config> layout);
        byte[] before = [.. _config.Bytes];
        for (uint width = 1; width <= 4; width *= 2)
        {
            for (uint offset = 0; offset < 256; offset += width)
            {
                layout.Write(offset, width, ~0u, mayMaster: true);
            }
        }

        (uint Offset, uint Mask)[] allowed = [(Command, 0x0404), (Msi + 2, 0x0001), (MsiX + 2, 0xc000)];
        for (int i = 0; i < before.Length; i++)
        {
            uint mask = allowed.Where(a => i >= a.Offset && i < a.Offset + 2).Select(a => a.Mask >> (8 * (i - (int)a.Offset)) & 0xff).SingleOrDefault();
            Assert.True((before[i] & ~mask) == (_config.Bytes[i] & ~mask), $"offset 0x{i:x}: was 0x{before[i]:x}, is 0x{_config.Bytes[i]:x}");
            Assert.Equal(mask, _config.Bytes[i] & mask);
        }
    }

    [Fact]
    public void DMA_stays_off_where_it_may_not_be()
    {
        TryRead(out FunctionLayout<Config> layout);
        layout.Write(Command, 2, 0xffff, mayMaster: false);
        Assert.Equal(0u, _config.Get(Command) & 4);
    }

    [Fact]
    public void Messages_are_aimed_by_the_root_task()
    {
        TryRead(out FunctionLayout<Config> layout);
        layout.SetMessage(0xfee0_0000, 0x61);
        Assert.Equal((0xfee0_0000u, 0u, 0x61u), (_config.Get(Msi + 4), _config.Get(Msi + 8), _config.Get(Msi + 12) & 0xffff));
    }

    [Fact]
    public void After_a_reset_registers_and_messages_are_where_they_were()
    {
        TryRead(out FunctionLayout<Config> layout);
        Assert.False(layout.CanReset);
        _config.Set(MsiX, 0x8003_7011);
        _config.Set(0x70, 0x0002_0010);
        _config.Set(0x74, 1 << 28);
        Assert.True(TryRead(out layout));
        Assert.True(layout.CanReset);
        layout.SetMessage(0xfee0_0000, 0x61);
        layout.Write(Command, 2, 4, mayMaster: true);
        layout.BeginReset();
        Assert.Equal((0u, 0x8000u), (_config.Get(Command) & 4, _config.Get(0x78) & 0xffff));
        uint[] before = [_config.Get(0x10), _config.Get(0x14), _config.Get(0x1c), _config.Get(Msi + 4), _config.Get(Msi + 12)];
        _config.Bytes.AsSpan(0x10, 24).Clear();
        _config.Bytes.AsSpan((int)Msi + 4, 12).Clear();
        _config.Set(Command, 0x0010_0000);
        layout.EndReset();
        uint[] after = [_config.Get(0x10), _config.Get(0x14), _config.Get(0x1c), _config.Get(Msi + 4), _config.Get(Msi + 12)];
        Assert.Equal(before, after);
        Assert.Equal(0x0402u, _config.Get(Command) & 0xffff);
    }

    [Fact]
    public void A_list_of_capabilities_that_loops_ends()
    {
        _config.Set(MsiX, 0x8003_4011);
        Assert.True(TryRead(out FunctionLayout<Config> layout));
        Assert.Equal(4u, layout.Vectors);
    }

    private bool TryRead(out FunctionLayout<Config> layout) => FunctionLayout<Config>.TryRead(new Config(_config), out layout);

    internal readonly struct Config(FakeConfig fake) : IConfigSpace
    {
        public uint Read(uint offset, uint width) => fake.Get(offset & ~3u) >> (int)(8 * (offset & 3)) & (width == 4 ? ~0u : (1u << (int)(8 * width)) - 1);

        public void Write(uint offset, uint width, uint value) => fake.Write(offset, width, value);
    }

    /// <summary>Configuration space whose base address registers tell their lengths.</summary>
    internal sealed class FakeConfig
    {
        private readonly Dictionary<uint, uint> _masks = [];

        public byte[] Bytes { get; } = new byte[256];

        public uint Get(uint offset) => BinaryPrimitives.ReadUInt32LittleEndian(Bytes.AsSpan((int)offset));

        public void Set(uint offset, uint value) => BinaryPrimitives.WriteUInt32LittleEndian(Bytes.AsSpan((int)offset), value);

        public void SetBar(uint index, uint value, uint mask, uint high = 0, uint highMask = 0)
        {
            uint offset = 0x10 + (4 * index);
            (_masks[offset], _masks[offset + 4]) = (mask, highMask);
            Set(offset, value);
            if (highMask != 0)
            {
                Set(offset + 4, high);
            }
        }

        public void Write(uint offset, uint width, uint value)
        {
            for (int i = 0; i < width; i++)
            {
                Bytes[offset + i] = (byte)(value >> (8 * i));
            }

            if (offset is >= 0x10 and < 0x28 && value == ~0u)
            {
                Set(offset, _masks.GetValueOrDefault(offset));
            }
        }
    }
}
