using Makatea.BlockContract;
using Microsoft.Win32.SafeHandles;

namespace Makatea.Platform.Linux.Tests;

/// <summary>What discard and write zeroes do to the room that a file takes.</summary>
public sealed class FileSpaceTests : EngineTheory
{
    private const int Length = 1 << 20;

    [SkippableTheory]
    [MemberData(nameof(Engines))]
    public void Discard_gives_room_back(string engine, bool inMemory) =>
        Check(engine, inMemory, BlockOperation.Discard, (before, after) => Assert.Equal(before - (Length / 2), after));

    [SkippableTheory]
    [MemberData(nameof(Engines))]
    public void Zeroes_that_may_be_unmapped_give_room_back(string engine, bool inMemory) =>
        Check(engine, inMemory, BlockOperation.WriteZeroesUnmap, (before, after) => Assert.Equal(before - (Length / 2), after));

    [SkippableTheory]
    [MemberData(nameof(Engines))]
    public void Other_zeroes_keep_their_room(string engine, bool inMemory) =>
        Check(engine, inMemory, BlockOperation.WriteZeroes, Assert.Equal);

    [SkippableTheory]
    [MemberData(nameof(Engines))]
    public void Zeroes_keep_room_for_what_was_a_hole(string engine, bool inMemory)
    {
        using SafeFileHandle file = MakeFile(inMemory, Length);
        using FileBlockDevice device = FileBlockDevice.Open(TestDisk.Duplicate(file), Options(engine));
        using QueueDriver driver = Drive(device);
        Assert.Equal(0, Room(file));
        Assert.Equal(BlockStatus.Ok, driver.Execute(BlockOperation.WriteZeroes, 128, 1024));
        Assert.Equal(512 * 1024, Room(file));
        Assert.Equal(BlockStatus.Ok, driver.Execute(BlockOperation.WriteZeroesUnmap, 128, 1024));
        Assert.Equal(0, Room(file));
    }

    [SkippableTheory]
    [MemberData(nameof(Engines))]
    public void Reading_a_hole_takes_no_room(string engine, bool inMemory)
    {
        using SafeFileHandle file = MakeFile(inMemory, Length);
        using FileBlockDevice device = FileBlockDevice.Open(TestDisk.Duplicate(file), Options(engine));
        using QueueDriver driver = Drive(device);
        byte[] data = TestDisk.Pattern(65536, 1);
        Assert.Equal(BlockStatus.Ok, driver.Execute(BlockOperation.Write, 0, 8, data.AsSpan(0, 4096)));
        long room = Room(file);
        for (int i = 0; i < 2; i++)
        {
            for (ulong sector = 0; sector < Length / 512; sector += 128)
            {
                Assert.Equal(BlockStatus.Ok, driver.Execute(BlockOperation.Read, sector, 128, data));
            }
        }

        Assert.Equal(room, Room(file));
    }

    private static void Check(string engine, bool inMemory, BlockOperation operation, Action<long, long> check)
    {
        using SafeFileHandle file = MakeFile(inMemory, Length);
        using FileBlockDevice device = FileBlockDevice.Open(TestDisk.Duplicate(file), Options(engine));
        using QueueDriver driver = Drive(device);
        byte[] data = TestDisk.Pattern(65536, 1);
        for (ulong sector = 0; sector < Length / 512; sector += 128)
        {
            Assert.Equal(BlockStatus.Ok, driver.Execute(BlockOperation.Write, sector, 128, data));
        }

        Assert.Equal(BlockStatus.Ok, driver.Execute(BlockOperation.Flush, 0, 0));
        long before = Room(file);
        Assert.True(before >= Length);
        Assert.Equal(BlockStatus.Ok, driver.Execute(operation, Length / 2048, Length / 1024));
        check(before, Room(file));
        Assert.Equal(BlockStatus.Ok, driver.Execute(BlockOperation.Read, Length / 2048, 128, data));
        Assert.All(data, b => Assert.Equal(0, b));
        check(before, Room(file));
        Assert.Equal(Length, RandomAccess.GetLength(file));
    }

    /// <summary>Bytes that the file takes of its file system.</summary>
    private static long Room(SafeFileHandle file)
    {
        Assert.Equal(0, Libc.StatxAt(file, "", Libc.AT_EMPTY_PATH, Libc.STATX_BASIC_STATS, out Libc.StatxDisk status));
        return (long)status.Blocks * 512;
    }
}
