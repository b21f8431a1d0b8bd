using System.Buffers.Binary;

namespace Makatea.Domains.Storage.Tests;

/// <summary>[UEFI-2.10] 5.3.</summary>
public sealed class GptPartitionTableTests
{
    [Theory]
    [InlineData(512, 512)]
    [InlineData(4096, 4096)]
    [InlineData(4096, 512)]
    public void Partitions_are_read_in_the_tables_blocks(int tableBlocks, int deviceBlocks)
    {
        GptImage image = new GptImage(blockSize: tableBlocks).Add(1, "boot", 64, 71).Add(3, "räk😀", 80, 80);
        GptPartitionTable table = Read(image, deviceBlocks);

        Assert.Null(table.PrimaryFault);
        Assert.Equal(tableBlocks, table.BlockSize);
        Assert.Equal(new Guid("11223344-5566-7788-99aa-bbccddeeff00"), table.DiskId);
        ulong sectors = (ulong)tableBlocks / 512;
        Assert.Equal([(1, "boot", 64 * sectors, 8 * sectors), (3, "räk😀", 80 * sectors, sectors)], table.Partitions.Select(p => (p.Number, p.Name, p.FirstSector, p.SectorCount)));
    }

    [Theory]
    [InlineData(512, 512)]
    [InlineData(4096, 512)]
    public void The_backup_is_used_and_said_to_be_where_the_primary_is_bad(int tableBlocks, int deviceBlocks)
    {
        GptImage image = new GptImage(blockSize: tableBlocks).Add(1, "data", 64, 71);
        image.Primary.Clear();
        image.Entry(1).Clear();
        GptPartitionTable table = Read(image, deviceBlocks);

        Assert.Contains("EFI PART", table.PrimaryFault);
        Assert.Equal("data", Assert.Single(table.Partitions).Name);
    }

    [Fact]
    public void Entries_whose_checksum_is_wrong_are_not_believed()
    {
        GptImage image = new GptImage().Add(1, "data", 64, 71);
        image.Entry(1)[40]++;
        Assert.Contains("CRC-32 of its entries", Read(image).PrimaryFault);
    }

    [Fact]
    public void An_unreadable_primary_is_a_bad_one()
    {
        GptImage image = new GptImage().Add(1, "data", 64, 71);
        using var disk = new FaultyDevice(image.ToDevice(), 1) { Fails = r => r.Sector == 2 };
        Assert.Contains("sector 2", GptPartitionTable.Read(disk, NoHost.Instance).PrimaryFault);
    }

    public static TheoryData<string, Action<GptImageEdit>> BadHeaders => new()
    {
        { "EFI PART", e => e.Header[0] = (byte)'e' },
        { "revision", e => e.U32(8, 0x20000) },
        { "its size is 91", e => e.U32(12, 91) },
        { "its size is 513", e => e.U32(12, 513) },
        { "it says that it is in block 7", e => e.U64(24, 7) },
        { "its entries are 64 bytes", e => e.U32(84, 64) },
        { "its entries are 192 bytes", e => e.U32(84, 192) },
        { "its entries are 2147483648 bytes", e => e.U32(84, 1u << 31) },
        { "it has 0 entries", e => e.U32(80, 0) },
        { "it has 4294967295 entries", e => e.U32(80, uint.MaxValue) },
        { "it has 8193 entries", e => e.U32(80, 8193) },
        { "usable blocks", e => e.U64(40, 0) },
        { "usable blocks", e => e.U64(40, ulong.MaxValue) },
        { "usable blocks", e => e.U64(48, 255) },
        { "usable blocks", e => e.U64(48, ulong.MaxValue) },
        { "its entries are 32 blocks from block 0", e => e.U64(72, 0) },
        { "its entries are 32 blocks from block 250", e => e.U64(72, 250) },
        { "its entries are 32 blocks from block 18446744073709551615", e => e.U64(72, ulong.MaxValue) },
        { "its entries are 32 blocks from block 18446744073709551584", e => e.U64(72, ulong.MaxValue - 31) },
        { "inside its usable blocks", e => e.U64(72, 40) },
    };

    [Theory]
    [MemberData(nameof(BadHeaders))]
    public void A_header_with_good_checksums_and_bad_fields_is_refused_with_the_field(string message, Action<GptImageEdit> edit)
    {
        GptImage image = new GptImage().Add(1, "data", 64, 71);
        edit(new GptImageEdit(image.Bytes, 512));
        GptImage.SealHeader(image.Primary);
        image.Backup.Clear();

        Assert.Contains(message, Refused(image).Message);
    }

    [Theory]
    [InlineData(10ul, 71ul, "partition 2 is blocks 10 to 71")]
    [InlineData(64ul, 63ul, "partition 2 is blocks 64 to 63")]
    [InlineData(64ul, 255ul, "partition 2 is blocks 64 to 255")]
    [InlineData(64ul, ulong.MaxValue, "partition 2 is blocks 64 to")]
    [InlineData(100ul, 110ul, "partitions 1 and 2 overlap")]
    [InlineData(60ul, 100ul, "partitions 2 and 1 overlap")]
    public void A_partition_outside_the_usable_blocks_or_over_another_is_refused(ulong first, ulong last, string message) =>
        Assert.Contains(message, Refused(new GptImage().Add(1, "data", 100, 110).Add(2, "more", first, last)).Message);

    [Fact]
    public void A_disk_without_a_protective_mbr_is_no_GPT_disk()
    {
        GptImage image = new GptImage().Add(1, "data", 64, 71);
        image.Bytes[446 + 4] = 0x83;
        Assert.Contains("0xEE", Refused(image).Message);
        image.Bytes[510] = 0;
        Assert.Contains("0xAA55", Refused(image).Message);
    }

    [Fact]
    public void Partitions_are_found_by_number_name_and_GUID()
    {
        var id = new Guid("6b5b37ef-5a83-4c8f-9c6b-bfdc3d7d1f27");
        GptPartitionTable table = Read(new GptImage().Add(1, "root", 64, 71).Add(2, "home", 72, 79, id).Add(3, "2", 80, 87).Add(4, "twin", 88, 89).Add(5, "twin", 90, 91));

        Assert.Equal(1, table.Find("root").Number);
        Assert.Equal(2, table.Find("2").Number);
        Assert.Equal(2, table.Find(id.ToString().ToUpperInvariant()).Number);
        Assert.Equal(3, table.Find("name:2").Number);
        Assert.Contains("has no partition 'hom'; it has 1 'root'", Assert.Throws<GptException>(() => table.Find("hom")).Message);
        Assert.Contains("no partition '0'", Assert.Throws<GptException>(() => table.Find("0")).Message);
        Assert.Contains("partitions 4, 5 are all 'twin'", Assert.Throws<GptException>(() => table.Find("twin")).Message);
    }

    [Theory]
    [InlineData(1, false)]
    [InlineData(2, true)]
    public void Whatever_a_guest_writes_into_the_table_it_is_read_or_refused(int seed, bool seal)
    {
        var random = new Random(seed);
        int read = 0;
        for (int i = 0; i < 1500; i++)
        {
            GptImage image = new GptImage().Add(1, "a", 64, 71).Add(2, "b", 72, 79).Add(128, "c", 80, 80);
            for (int change = random.Next(1, 4); change > 0; change--)
            {
                Mutate(random, image);
            }

            if (seal)
            {
                GptImage.SealHeader(image.Primary);
                GptImage.SealHeader(image.Backup);
            }

            using MemoryDevice disk = image.ToDevice();
            try
            {
                GptPartitionTable table = GptPartitionTable.Read(disk, NoHost.Instance);
                Assert.All(table.Partitions, p => new PartitionDevice(disk, p.FirstSector, p.SectorCount));
                Assert.All(table.Partitions.OrderBy(p => p.FirstSector).Zip(table.Partitions.OrderBy(p => p.FirstSector).Skip(1)), p => Assert.True(p.First.FirstSector + p.First.SectorCount <= p.Second.FirstSector));
                read++;
            }
            catch (GptException)
            {
                // Refused, with a message.
            }
        }

        Assert.InRange(read, 1, 1499);
    }

    private static void Mutate(Random random, GptImage image)
    {
        // Mostly in the headers' fields, sometimes in the entries; nice and nasty values.
        int place = random.Next(4) switch
        {
            0 => (2 * 512) + random.Next(256),
            1 => ((image.Blocks - 1) * 512) + random.Next(96),
            2 => random.Next(image.Bytes.Length - 8),
            _ => 512 + random.Next(96),
        };
        ulong value = random.Next(4) switch { 0 => (ulong)random.Next(300), 1 => ulong.MaxValue - (ulong)random.Next(64), 2 => 1ul << random.Next(64), _ => (ulong)random.NextInt64() };
        Span<byte> bytes = stackalloc byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, value);
        bytes[..(1 << random.Next(4))].CopyTo(image.Bytes.AsSpan(place));
    }

    private static GptPartitionTable Read(GptImage image, int? deviceBlocks = null)
    {
        using MemoryDevice disk = image.ToDevice(deviceBlocks);
        return GptPartitionTable.Read(disk, NoHost.Instance);
    }

    private static GptException Refused(GptImage image) => Assert.Throws<GptException>(() => Read(image));

    /// <summary>Writes fields of one header.</summary>
    public sealed class GptImageEdit(byte[] bytes, int offset)
    {
        public Span<byte> Header => bytes.AsSpan(offset, 512);

        public void U32(int field, uint value) => BinaryPrimitives.WriteUInt32LittleEndian(Header[field..], value);

        public void U64(int field, ulong value) => BinaryPrimitives.WriteUInt64LittleEndian(Header[field..], value);
    }
}
