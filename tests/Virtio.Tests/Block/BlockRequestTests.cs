using System.Security.Cryptography;
using System.Text;
using Makatea.Domains.Storage;
using Makatea.Platform;
using Makatea.Virtio.Block;
using Makatea.Virtio.Testing;

namespace Makatea.Virtio.Tests.Block;

/// <summary>Requests of [VIRTIO-1.3] 5.2.6, on split and packed rings.</summary>
public abstract class BlockRequestTests<TRing>
    where TRing : struct, IDriverRing<TRing>
{
    private const byte Ok = BlockRequestStatus.Ok;
    private const byte IoError = BlockRequestStatus.IoError;
    private const byte Unsupported = BlockRequestStatus.Unsupported;
    private const ulong Sectors = 4096;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Data_written_is_read_back(bool inOrder)
    {
        using BlockRig<TRing> rig = new(new MemoryDevice((int)Sectors * 512), inOrder: inOrder);
        byte[] pattern = RandomNumberGenerator.GetBytes(64 << 10);
        pattern.CopyTo(rig.Data);
        Assert.Equal(Ok, rig.Do(BlockRequestType.Out, 100, readable: pattern.Length));
        Assert.Equal(1u, rig.Written);
        rig.Data.Clear();
        Assert.Equal(Ok, rig.Do(BlockRequestType.In, 100, writable: pattern.Length));
        Assert.Equal((uint)pattern.Length + 1, rig.Written);
        Assert.True(rig.Data[..pattern.Length].SequenceEqual(pattern));
    }

    /// <summary>2.7.4.1: the device makes no assumptions about how the parts are cut into descriptors.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(15)]
    [InlineData(17)]
    [InlineData(300)]
    public void Device_must_not_assume_framing_2_7_4_1(int cut)
    {
        using BlockRig<TRing> rig = new(new MemoryDevice((int)Sectors * 512));
        GuestBuffer write = rig.Contiguous(BlockRequestType.Out, 8, 1024);
        RandomNumberGenerator.Fill(write.AsSpan()[16..]);
        GuestBuffer status = rig.Arena.Allocate(1);
        Assert.Equal(Ok, rig.Do([write.Slice(0, cut).AsElement(), write.Slice(cut, write.Length - cut).AsElement(), status.AsElement()], 2, status));

        GuestBuffer header = rig.Contiguous(BlockRequestType.In, 8, 0);
        GuestBuffer read = rig.Arena.Allocate(1025);
        Assert.Equal(Ok, rig.Do([header.AsElement(), read.Slice(0, cut).AsElement(), read.Slice(cut, 1025 - cut).AsElement()], 1, read));
        Assert.True(read.AsSpan()[..1024].SequenceEqual(write.AsSpan()[16..]));
        Assert.Equal(1025u, rig.Written);
    }

    [Fact]
    public void Status_byte_may_be_a_piece_of_its_own_behind_data_cut_in_many()
    {
        using BlockRig<TRing> rig = new(new MemoryDevice((int)Sectors * 512));
        GuestBuffer header = rig.Contiguous(BlockRequestType.In, 0, 0);
        GuestBuffer data = rig.Arena.Allocate(512 + 1);
        GuestSegment[] pieces = [header.AsElement(), .. Enumerable.Range(0, 8).Select(i => data.Slice(i * 64, 64).AsElement()), data.Slice(512, 1).AsElement()];
        Assert.Equal(Ok, rig.Do(pieces, 1, data));
    }

    [Theory]
    [InlineData(Sectors, 512)]
    [InlineData(Sectors - 1, 1024)]
    [InlineData(ulong.MaxValue, 512)]
    [InlineData(ulong.MaxValue - 1, 2048)]
    [InlineData(0ul, 511)]
    [InlineData(0ul, 513)]
    [InlineData(0ul, 0)]
    public void Request_outside_the_device_or_not_whole_sectors_ends_with_ioerr(ulong sector, int length)
    {
        using BlockRig<TRing> rig = new(new MemoryDevice((int)Sectors * 512));
        Assert.Equal(IoError, rig.Do(BlockRequestType.Out, sector, readable: length));
        Assert.Equal(IoError, rig.Do(BlockRequestType.In, sector, writable: length));
        Assert.Equal(Ok, rig.Do(BlockRequestType.In, Sectors - 1, writable: 512));
        Assert.Equal(2, rig.Device.Counters[0].Errors);
    }

    [Fact]
    public void Requests_keep_to_the_block_size()
    {
        using BlockRig<TRing> rig = new(new OddDevice(new BlockDeviceInfo { SectorCount = Sectors, BlockSize = 4096, PhysicalBlockSize = 4096 }));
        Assert.Equal(IoError, rig.Do(BlockRequestType.In, 1, writable: 4096));
        Assert.Equal(IoError, rig.Do(BlockRequestType.In, 0, writable: 512));
        Assert.Equal(Ok, rig.Do(BlockRequestType.In, 8, writable: 4096));
    }

    /// <summary>5.2.6.2: IOERR for a write to a read-only device, and no data is written.</summary>
    [Fact]
    public void Write_to_read_only_device_must_end_with_ioerr_5_2_6_2()
    {
        OddDevice disk = new(new BlockDeviceInfo { SectorCount = Sectors, IsReadOnly = true });
        using BlockRig<TRing> rig = new(disk);
        Assert.NotEqual(0ul, rig.Device.Features & BlockFeatures.ReadOnly);
        Assert.Equal(IoError, rig.Do(BlockRequestType.Out, 0, readable: 512));
        Assert.Equal(Ok, rig.Do(BlockRequestType.In, 0, writable: 512));
        Assert.DoesNotContain(BlockOperation.Write, disk.Seen);
    }

    /// <summary>5.2.6.2: UNSUPP for unknown flags, and for a discard with unmap.</summary>
    [Theory]
    [InlineData(BlockRequestType.Discard, 1u)]
    [InlineData(BlockRequestType.Discard, 2u)]
    [InlineData(BlockRequestType.WriteZeroes, 2u)]
    [InlineData(BlockRequestType.WriteZeroes, 0x8000_0001u)]
    [InlineData(BlockRequestType.SecureErase, 1u)]
    public void Unknown_flags_must_be_answered_unsupp_5_2_6_2(uint type, uint flags)
    {
        OddDevice disk = new(Everything);
        using BlockRig<TRing> rig = new(disk);
        Assert.Equal(Unsupported, rig.DoRange(type, 0, 8, flags));
        Assert.Empty(disk.Seen);
    }

    [Fact]
    public void Ranges_reach_the_device_and_their_limits_hold()
    {
        OddDevice disk = new(Everything);
        using BlockRig<TRing> rig = new(disk);
        Assert.Equal(Ok, rig.DoRange(BlockRequestType.Discard, 8, 16));
        Assert.Equal(Ok, rig.DoRange(BlockRequestType.WriteZeroes, 8, 16));
        Assert.Equal(Ok, rig.DoRange(BlockRequestType.WriteZeroes, 8, 16, flags: 1));
        Assert.Equal(Ok, rig.DoRange(BlockRequestType.SecureErase, 8, 16));
        Assert.Equal([BlockOperation.Discard, BlockOperation.WriteZeroes, BlockOperation.WriteZeroesUnmap, BlockOperation.SecureErase], disk.Seen);
        Assert.Equal(IoError, rig.DoRange(BlockRequestType.Discard, Sectors - 1, 2));
        Assert.Equal(IoError, rig.DoRange(BlockRequestType.Discard, ulong.MaxValue, 2));
        Assert.Equal(IoError, rig.DoRange(BlockRequestType.WriteZeroes, 0, BlockLimits.MaxRangeSectors + 1));
        Assert.Equal(IoError, rig.Do(BlockRequestType.Discard, 0, readable: 32));
        Assert.Equal(IoError, rig.Do(BlockRequestType.Discard, 0, readable: 8));
        Assert.Equal(4, disk.Seen.Count);
    }

    [Fact]
    public void Zeroes_written_are_read_back()
    {
        using BlockRig<TRing> rig = new(new MemoryDevice((int)Sectors * 512));
        rig.Data[..4096].Fill(0x5a);
        Assert.Equal(Ok, rig.Do(BlockRequestType.Out, 0, readable: 4096));
        Assert.Equal(Ok, rig.DoRange(BlockRequestType.WriteZeroes, 2, 4));
        Assert.Equal(Ok, rig.Do(BlockRequestType.In, 0, writable: 4096));
        Assert.Equal(-1, rig.Data[..1024].IndexOfAnyExcept((byte)0x5a));
        Assert.Equal(-1, rig.Data[1024..3072].IndexOfAnyExcept((byte)0));
        Assert.Equal(-1, rig.Data[3072..4096].IndexOfAnyExcept((byte)0x5a));
    }

    [Fact]
    public void Get_id_gives_the_serial_in_20_bytes()
    {
        using BlockRig<TRing> rig = new(new MemoryDevice((int)Sectors * 512));
        rig.Data[..64].Fill(0xff);
        Assert.Equal(Ok, rig.Do(BlockRequestType.GetId, 0, writable: 20));
        Assert.Equal("MAKATEA0", Encoding.ASCII.GetString(rig.Data[..20]).TrimEnd('\0'));
        Assert.Equal(21u, rig.Written);
        Assert.Equal(Ok, rig.Do(BlockRequestType.GetId, 0, writable: 4));
        Assert.Equal("MAKA", Encoding.ASCII.GetString(rig.Data[..4]));
        Assert.Equal(IoError, rig.Do(BlockRequestType.GetId, 0, readable: 4, writable: 4));
    }

    [Fact]
    public void Lifetime_is_told_where_the_device_has_one()
    {
        using BlockRig<TRing> rig = new(new OddDevice(Everything with { Lifetime = new BlockLifetime(1, 2, 3) }));
        Assert.NotEqual(0ul, rig.Device.Features & BlockFeatures.Lifetime);
        Assert.Equal(Ok, rig.Do(BlockRequestType.GetLifetime, 0, writable: 8));
        Assert.Equal([1, 0, 2, 0, 3, 0, 0, 0], rig.Data[..8].ToArray());
        using BlockRig<TRing> without = new(new MemoryDevice((int)Sectors * 512));
        Assert.Equal(Unsupported, without.Do(BlockRequestType.GetLifetime, 0, writable: 8));
    }

    [Theory]
    [InlineData(2u)]
    [InlineData(9u)]
    [InlineData(15u)]
    [InlineData(26u)]
    [InlineData(0x8000_0000u)]
    [InlineData(uint.MaxValue)]
    public void Unknown_type_is_answered_unsupp(uint type)
    {
        using BlockRig<TRing> rig = new(new MemoryDevice((int)Sectors * 512));
        Assert.Equal(Unsupported, rig.Do(type, 0, readable: 512));
        Assert.Equal(Unsupported, rig.Do(type, 0, writable: 512));
    }

    [Fact]
    public void Data_in_the_wrong_direction_ends_with_ioerr()
    {
        using BlockRig<TRing> rig = new(new MemoryDevice((int)Sectors * 512));
        Assert.Equal(IoError, rig.Do(BlockRequestType.Out, 0, readable: 512, writable: 512));
        Assert.Equal(IoError, rig.Do(BlockRequestType.In, 0, readable: 512, writable: 512));
    }

    /// <summary>Nowhere to write a status: the queue is given up, as QEMU does, and says so.</summary>
    [Fact]
    public void Request_without_room_for_header_or_status_breaks_the_queue()
    {
        using BlockRig<TRing> rig = new(new MemoryDevice((int)Sectors * 512));
        rig.Start([rig.Contiguous(BlockRequestType.In, 0, 0).Slice(0, 15).AsElement(), rig.Arena.Allocate(1).AsElement()], 1);
        Assert.True(SpinWait.SpinUntil(() => rig.Worker.Fault != RingFault.None, TimeSpan.FromSeconds(10)));
        Assert.Equal(RingFault.RequestTooShort, rig.Worker.Fault);
        using BlockRig<TRing> other = new(new MemoryDevice((int)Sectors * 512));
        other.Start([other.Contiguous(BlockRequestType.In, 0, 0).AsElement()], 1);
        Assert.True(SpinWait.SpinUntil(() => other.Worker.Fault == RingFault.RequestTooShort, TimeSpan.FromSeconds(10)));
    }

    /// <summary>5.2.6.2, case 2: with writeback 0, a write is committed before it completes.</summary>
    [Fact]
    public void Write_must_be_stable_when_it_completes_with_writeback_off_5_2_6_2()
    {
        OddDevice disk = new(Everything);
        using BlockRig<TRing> rig = new(disk);
        Assert.Equal(Ok, rig.Do(BlockRequestType.Out, 0, readable: 512));
        Assert.Equal([BlockOperation.Write], disk.Seen);
        Assert.True(rig.Device.WriteConfig(32, [0], rig.Device.Features));
        Assert.Equal(Ok, rig.Do(BlockRequestType.Out, 0, readable: 512));
        Assert.Equal(Ok, rig.DoRange(BlockRequestType.WriteZeroes, 0, 1));
        Assert.Equal(
            [BlockOperation.Write, BlockOperation.Write, BlockOperation.Flush, BlockOperation.WriteZeroes, BlockOperation.Flush], disk.Seen);
        Assert.Equal(2, rig.Device.Counters[0].StableWrites);

        // The driver's choice stays over a reset, until it makes another.
        rig.Device.Reset();
        Assert.Equal(Ok, rig.Do(BlockRequestType.Out, 0, readable: 512));
        Assert.Equal(7, disk.Seen.Count);
        Assert.True(rig.Device.WriteConfig(32, [1], rig.Device.Features));
        Assert.Equal(Ok, rig.Do(BlockRequestType.Out, 0, readable: 512));
        Assert.Equal(8, disk.Seen.Count);
    }

    /// <summary>5.2.6.2, case 1: FLUSH offered, and the driver took neither it nor CONFIG_WCE.</summary>
    [Fact]
    public void Write_must_be_stable_when_the_driver_cannot_flush_5_2_6_2()
    {
        OddDevice disk = new(Everything);
        using BlockRig<TRing> rig = new(disk, without: BlockFeatures.Flush | BlockFeatures.ConfigWriteCache);
        Assert.Equal(Ok, rig.Do(BlockRequestType.Out, 0, readable: 512));
        Assert.Equal([BlockOperation.Write, BlockOperation.Flush], disk.Seen);
    }

    /// <summary>5.2.5.2: CONFIG_WCE without FLUSH starts with writeback 0.</summary>
    [Fact]
    public void Writeback_must_start_off_without_flush_5_2_5_2()
    {
        OddDevice disk = new(Everything);
        using BlockRig<TRing> rig = new(disk, without: BlockFeatures.Flush);
        Assert.Equal(Ok, rig.Do(BlockRequestType.Out, 0, readable: 512));
        Assert.Equal([BlockOperation.Write, BlockOperation.Flush], disk.Seen);

        // A driver that cannot flush gains nothing by a cache; the next one that can has it as it was.
        Assert.False(rig.Device.WriteConfig(32, [1], rig.Device.Features & ~BlockFeatures.Flush));
        rig.Device.AcceptFeatures(rig.Device.Features);
        Assert.True(rig.Device.IsWriteback);
    }

    [Fact]
    public void Errors_of_the_device_below_reach_the_driver()
    {
        OddDevice disk = new(Everything) { Status = BlockStatus.IoError };
        using BlockRig<TRing> rig = new(disk);
        Assert.Equal(IoError, rig.Do(BlockRequestType.In, 0, writable: 512));
        Assert.Equal(0u, rig.Written);
        Assert.Equal(IoError, rig.Do(BlockRequestType.Flush, 0));
        disk.Status = BlockStatus.Unsupported;
        Assert.Equal(Unsupported, rig.DoRange(BlockRequestType.Discard, 0, 8));
        disk.Status = BlockStatus.Ok;
        Assert.Equal(Ok, rig.Do(BlockRequestType.In, 0, writable: 512));
    }

    [Fact]
    public void Worker_goes_on_where_it_stopped()
    {
        using BlockRig<TRing> rig = new(new MemoryDevice((int)Sectors * 512));
        for (int i = 0; i < 200; i++)
        {
            rig.Data[..512].Fill((byte)i);
            Assert.Equal(Ok, rig.Do(BlockRequestType.Out, (ulong)i, readable: 512));
            if (i % 7 == 0)
            {
                rig.Restart();
            }
        }

        Assert.Equal(200, rig.Device.Counters[0].Writes);
    }

    [Fact]
    public void Pages_written_are_logged()
    {
        using HeapLog log = new(1 << 20);
        using BlockRig<TRing> rig = new(new MemoryDevice((int)Sectors * 512), log: log.Log);
        Assert.Equal(Ok, rig.Do(BlockRequestType.In, 0, writable: 8192));
        ulong first = rig.DataAddress / 4096;
        Assert.True(log.IsMarked(first) && log.IsMarked(first + 1) && log.IsMarked(rig.StatusAddress / 4096));
        Assert.False(log.IsMarked(first + 2));
        log.Clear();
        Assert.Equal(Ok, rig.Do(BlockRequestType.Out, 0, readable: 8192));
        Assert.False(log.IsMarked(first));
        Assert.True(log.IsMarked(rig.StatusAddress / 4096));
    }

    private static BlockDeviceInfo Everything => new()
    {
        SectorCount = Sectors,
        DiscardGranularity = 512,
        SupportsWriteZeroes = true,
        SupportsSecureErase = true,
    };
}

/// <summary>On split rings.</summary>
public sealed class SplitBlockRequestTests : BlockRequestTests<SplitDriverRing>;

/// <summary>On packed rings.</summary>
public sealed class PackedBlockRequestTests : BlockRequestTests<PackedDriverRing>;
