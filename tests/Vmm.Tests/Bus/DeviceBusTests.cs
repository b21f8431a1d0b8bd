using FsCheck;
using FsCheck.Fluent;
using Makatea.Platform;

namespace Makatea.Vmm.Tests;

public sealed class DeviceBusTests
{
    private readonly DeviceBus _bus = new();

    [Fact]
    public void A_device_gets_offsets_from_its_first_address()
    {
        Recorder device = new(0x1122_3344_5566_7788);
        _bus.Add(0x3f8, 8, device);
        Assert.Equal(0x7788ul, _bus.Read(0x3fa, 2));
        Assert.Equal((2ul, 2), device.Last);
        _bus.Write(0x3ff, 1, 0xabcd);
        Assert.Equal((7ul, 1), device.Last);
        Assert.Equal(0xcdul, device.Written);
        Assert.Equal(0, _bus.Unanswered);
    }

    [Theory]
    [InlineData(0x0ful, 1)]
    [InlineData(0x14ul, 1)]
    [InlineData(0x0ful, 2)] // reaches into the device
    [InlineData(0x13ul, 2)] // reaches over its end
    [InlineData(0x10ul, 8)]
    [InlineData(ulong.MaxValue, 1)]
    [InlineData(ulong.MaxValue, 8)]
    public void What_nobody_answers_is_all_ones_and_counted(ulong address, int width)
    {
        Recorder device = new(0);
        _bus.Add(0x10, 4, device);
        Assert.Equal(ulong.MaxValue >> (64 - (8 * width)), _bus.Read(address, width));
        _bus.Write(address, width, 0);
        Assert.Null(device.Last);
        Assert.Equal(2, _bus.Unanswered);
    }

    [Fact]
    public void The_last_address_there_is_can_be_a_devices()
    {
        _bus.Add(ulong.MaxValue, 1, new Recorder(5));
        Assert.Equal(5ul, _bus.Read(ulong.MaxValue, 1));
        Assert.Equal(0xfffful, _bus.Read(ulong.MaxValue, 2));
    }

    [Theory]
    [InlineData(0x10ul, 0ul)]
    [InlineData(ulong.MaxValue, 2ul)]
    [InlineData(0x1ful, 1ul)]
    [InlineData(0x10ul, 0x11ul)]
    [InlineData(0x24ul, 4ul)]
    [InlineData(0x0ul, 0x100ul)]
    [InlineData(0x1ful, 2ul)]
    public void Ranges_that_are_empty_wrap_or_overlap_are_refused(ulong first, ulong length)
    {
        _bus.Add(0x1f, 1, new Recorder(0));
        _bus.Add(0x20, 8, new Recorder(0));
        Assert.Throws<ArgumentException>(() => _bus.Add(first, length, new Recorder(0)));
    }

    [Fact]
    public void Any_devices_are_found_as_a_plain_search_finds_them() => Prop.ForAll<(byte First, byte Length)[], byte[]>((ranges, addresses) =>
    {
        DeviceBus bus = new();
        List<(int First, int Length, Recorder Device)> placed = [];
        foreach ((byte first, byte length) in ranges)
        {
            if (placed.Find(p => p.First == first && first % 3 == 0) is { Device: not null } gone)
            {
                Assert.True(bus.Remove(first));
                placed.Remove(gone);
                continue;
            }

            bool overlaps = length == 0 || placed.Exists(p => first < p.First + p.Length && p.First < first + length);
            Recorder device = new((ulong)placed.Count);
            if (overlaps)
            {
                Assert.Throws<ArgumentException>(() => bus.Add(first, length, device));
            }
            else
            {
                bus.Add(first, length, device);
                placed.Add((first, length, device));
            }
        }

        foreach (byte address in addresses)
        {
            int width = 1 << (address & 3);
            Recorder? expected = placed.Find(p => address >= p.First && address + width <= p.First + p.Length).Device;
            Assert.Same(expected, bus.Find(address, width, out _));
        }
    }).QuickCheckThrowOnFailure();

    [Fact]
    public void Only_what_is_there_can_be_removed()
    {
        _bus.Add(0x10, 4, new Recorder(1));
        Assert.False(_bus.Remove(0x11));
        Assert.False(_bus.Remove(0));
        Assert.True(_bus.Remove(0x10));
        Assert.False(_bus.Remove(0x10));
        Assert.Equal(0xfful, _bus.Read(0x10, 1));
    }

    [Fact]
    public void Devices_come_and_go_while_accesses_go_on()
    {
        _bus.Add(0x1000, 4, new Recorder(7));
        Thread changes = new(() =>
        {
            for (int i = 0; i < 20_000; i++)
            {
                _bus.Add(0x10, 4, new Recorder(9));
                _bus.Add(0x2000, 4, new Recorder(9));
                _bus.Remove(0x10);
                _bus.Remove(0x2000);
            }
        });
        changes.Start();
        do
        {
            Assert.Equal(7ul, _bus.Read(0x1000, 4));
            Assert.True(_bus.Read(0x10, 1) is 9 or 0xff);
        }
        while (changes.IsAlive);
    }

    [Fact]
    public void An_access_allocates_nothing()
    {
        _bus.Add(0x10, 4, new Recorder(1));
        _bus.Read(0x10, 4);
        _bus.Read(0x20, 4);
        long before = GC.GetAllocatedBytesForCurrentThread();
        _bus.Read(0x10, 4);
        _bus.Read(0x20, 4);
        _bus.Write(0x10, 4, 1);
        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());
    }

    private sealed class Recorder(ulong answer) : RegisterBus
    {
        private (ulong, int) _last;
        private bool _accessed;

        public (ulong Offset, int Width)? Last => _accessed ? _last : null;

        public ulong Written { get; private set; }

        public override ulong Read(ulong address, int width)
        {
            _last = (address, width);
            _accessed = true;
            return answer;
        }

        public override void Write(ulong address, int width, ulong value)
        {
            _last = (address, width);
            _accessed = true;
            Written = value;
        }
    }
}
