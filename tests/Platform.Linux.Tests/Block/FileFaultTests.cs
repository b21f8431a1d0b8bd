using Makatea.BlockContract;
using Microsoft.Win32.SafeHandles;

namespace Makatea.Platform.Linux.Tests;

/// <summary>What goes wrong below ends in an error for the requests that it concerns, and everything else goes on.</summary>
public sealed class FileFaultTests : EngineTheory
{
    private const int Length = 1 << 20;
    private const int Half = Length / 2;

    [SkippableTheory]
    [MemberData(nameof(Engines))]
    public void What_was_cut_off_can_neither_be_read_nor_written(string engine, bool inMemory)
    {
        using SafeFileHandle file = MakeFile(inMemory, Length);
        using FileBlockDevice device = FileBlockDevice.Open(TestDisk.Duplicate(file), Options(engine));
        using QueueDriver driver = Drive(device);
        byte[] data = TestDisk.Pattern(8192, 1);
        byte[] seen = new byte[8192];
        Assert.Equal(BlockStatus.Ok, driver.Execute(BlockOperation.Write, 0, 16, data));
        Assert.Equal(BlockStatus.Ok, driver.Execute(BlockOperation.Write, Half / 512, 16, data));

        TestDisk.Resize(file, Half + 700);

        Assert.Equal(BlockStatus.IoError, driver.Execute(BlockOperation.Read, (Half / 512) + 1, 1, seen.AsSpan(0, 512)));
        Assert.Equal(BlockStatus.IoError, driver.Execute(BlockOperation.Read, (Half / 512) - 8, 16, seen));
        Assert.Equal(BlockStatus.IoError, driver.Execute(BlockOperation.Read, 2000, 1, seen.AsSpan(0, 512)));
        Assert.Equal(BlockStatus.IoError, driver.Execute(BlockOperation.Write, (Half / 512) + 1, 1, data));
        Assert.Equal(BlockStatus.IoError, driver.Execute(BlockOperation.Write, (Half / 512) - 8, 16, data));
        Assert.Equal(BlockStatus.IoError, driver.Execute(BlockOperation.WriteZeroes, 2000, 8));
        Assert.Equal(BlockStatus.IoError, driver.Execute(BlockOperation.WriteZeroesUnmap, 2000, 8));
        Assert.Equal(BlockStatus.IoError, driver.Execute(BlockOperation.Discard, 2000, 8));
        Assert.Equal(Half + 700, RandomAccess.GetLength(file));

        Assert.Equal(BlockStatus.Ok, driver.Execute(BlockOperation.Read, Half / 512, 1, seen.AsSpan(0, 512)));
        Assert.Equal(data[..512], seen[..512]);
        Assert.Equal(BlockStatus.Ok, driver.Execute(BlockOperation.Read, 0, 16, seen));
        Assert.Equal(data, seen);
        Assert.Equal(BlockStatus.Ok, driver.Execute(BlockOperation.Write, 16, 16, data));
        Assert.Equal(BlockStatus.Ok, driver.Execute(BlockOperation.Flush, 0, 0));
        Assert.Equal(data, TestDisk.Read(file, 8192, 8192));
    }

    [SkippableTheory]
    [MemberData(nameof(Engines))]
    public void A_size_that_changed_shows_after_a_refresh(string engine, bool inMemory)
    {
        using SafeFileHandle file = MakeFile(inMemory, Length);
        using FileBlockDevice device = FileBlockDevice.Open(TestDisk.Duplicate(file), Options(engine));
        using QueueDriver driver = Drive(device);
        int changes = 0;
        device.InfoChanged += () => changes++;
        device.Refresh();
        Assert.Equal(0, changes);

        TestDisk.Resize(file, 2 * Length);
        byte[] data = TestDisk.Pattern(4096, 2);
        Assert.Equal(BlockStatus.IoError, driver.Execute(BlockOperation.Write, Length / 512, 8, data));
        device.Refresh();
        Assert.Equal(1, changes);
        Assert.Equal(2ul * Length / 512, device.Info.SectorCount);
        Assert.Equal(BlockStatus.Ok, driver.Execute(BlockOperation.Write, Length / 512, 8, data));
        Assert.Equal(data, TestDisk.Read(file, Length, 4096));

        TestDisk.Resize(file, Half);
        device.Refresh();
        Assert.Equal(2, changes);
        Assert.Equal((ulong)Half / 512, device.Info.SectorCount);
        Assert.Equal(BlockStatus.IoError, driver.Execute(BlockOperation.Read, Half / 512, 8, data));
    }

    [SkippableTheory]
    [MemberData(nameof(MemoryEngines))]
    public void A_full_disk_fails_writes_that_need_room_and_nothing_else(string engine)
    {
        using SafeFileHandle file = TestDisk.OnSmallTmpfs(size: Length, fileLength: 4 * Length);
        using FileBlockDevice device = FileBlockDevice.Open(TestDisk.Duplicate(file), Options(engine) with { Locking = FileLocking.None });
        using QueueDriver driver = Drive(device);
        byte[] data = TestDisk.Pattern(65536, 3);
        byte[] seen = new byte[65536];

        int written = 0;
        while (driver.Execute(BlockOperation.Write, (ulong)(written * 128), 128, data) == BlockStatus.Ok)
        {
            Assert.InRange(++written, 1, 64);
        }

        Assert.InRange(written, 1, Length / 65536);
        Assert.Equal(BlockStatus.IoError, driver.Execute(BlockOperation.Write, 4096, 8, data.AsSpan(0, 4096)));
        Assert.Equal(BlockStatus.IoError, driver.Execute(BlockOperation.WriteZeroes, 4096, 128));
        Assert.Equal(BlockStatus.Ok, driver.Execute(BlockOperation.Write, 0, 8, data.AsSpan(4096, 4096)));
        Assert.Equal(BlockStatus.Ok, driver.Execute(BlockOperation.Read, 0, 128, seen));
        Assert.Equal(data.AsSpan(4096, 4096), seen.AsSpan(0, 4096));
        Assert.Equal(BlockStatus.Ok, driver.Execute(BlockOperation.Flush, 0, 0));

        // A hole reads as zeroes and takes no room.
        Assert.Equal(BlockStatus.Ok, driver.Execute(BlockOperation.Read, 6000, 128, seen));
        Assert.All(seen, b => Assert.Equal(0, b));

        // With room again it goes on.
        Assert.Equal(BlockStatus.Ok, driver.Execute(BlockOperation.Discard, 0, 128));
        Assert.Equal(BlockStatus.Ok, driver.Execute(BlockOperation.Write, 4096, 8, data.AsSpan(0, 4096)));
    }

    /// <summary>A page that was there, and that somebody else punched out of the file; then the last room went elsewhere.</summary>
    [SkippableTheory]
    [MemberData(nameof(MemoryEngines))]
    public void A_write_that_needs_room_again_fails_on_a_full_disk(string engine)
    {
        using SafeFileHandle file = TestDisk.OnSmallTmpfs(size: Length, fileLength: 4 * Length);
        using FileBlockDevice device = FileBlockDevice.Open(TestDisk.Duplicate(file), Options(engine));
        using QueueDriver driver = Drive(device);
        byte[] data = TestDisk.Pattern(4096, 4);
        byte[] seen = new byte[4096];
        Assert.Equal(BlockStatus.Ok, driver.Execute(BlockOperation.Write, 0, 8, data));
        Assert.Equal(BlockStatus.Ok, driver.Execute(BlockOperation.Write, 8, 8, data));

        Assert.Equal(0, Libc.FAllocate((int)file.DangerousGetHandle(), Libc.FALLOC_FL_PUNCH_HOLE | Libc.FALLOC_FL_KEEP_SIZE, 0, 4096));
        long offset = Length;
        while (Write(file, data, offset))
        {
            offset += data.Length;
        }

        Assert.Equal(BlockStatus.IoError, driver.Execute(BlockOperation.Write, 0, 8, data));
        Assert.Equal(BlockStatus.Ok, driver.Execute(BlockOperation.Read, 0, 8, seen));
        Assert.All(seen, b => Assert.Equal(0, b));
        Assert.Equal(BlockStatus.Ok, driver.Execute(BlockOperation.Read, 8, 8, seen));
        Assert.Equal(data, seen);
        Array.Reverse(data);
        Assert.Equal(BlockStatus.Ok, driver.Execute(BlockOperation.Write, 8, 8, data));
        Assert.Equal(data, TestDisk.Read(file, 4096, 4096));
    }

    /// <summary>A process's own memory as a file: reading where nothing is mapped is an I/O error of the kernel's.</summary>
    [SkippableTheory]
    [MemberData(nameof(CallingEngines))]
    public void An_error_of_the_disk_is_an_error_of_the_request(string engine)
    {
        using BareDevice device = new(new SafeFileHandle(Libc.Open("/proc/self/mem", Libc.O_RDWR | Libc.O_CLOEXEC, 0), true), engine);
        using QueueDriver driver = Drive(device);
        byte[] data = new byte[512];
        Assert.Equal(BlockStatus.IoError, driver.Execute(BlockOperation.Read, 8, 1, data));
        Assert.Equal(BlockStatus.IoError, driver.Execute(BlockOperation.Write, 8, 1, data));
        Assert.Equal(BlockStatus.IoError, driver.Execute(BlockOperation.Read, 8, 1, data));
    }

    /// <summary>/dev/full has no room for writes, and cannot be flushed.</summary>
    [SkippableTheory]
    [MemberData(nameof(CallingEngines))]
    public void A_failed_flush_fails_all_later_ones(string engine)
    {
        using BareDevice device = new(new SafeFileHandle(Libc.Open("/dev/full", Libc.O_RDWR | Libc.O_CLOEXEC, 0), true), engine);
        using QueueDriver driver = Drive(device);
        byte[] data = new byte[512];
        Assert.Equal(BlockStatus.IoError, driver.Execute(BlockOperation.Write, 0, 1, data));
        Assert.False(device.File.FlushFailed);
        Assert.Equal(BlockStatus.IoError, driver.Execute(BlockOperation.Flush, 0, 0));
        Assert.True(device.File.FlushFailed);
        Assert.Equal(BlockStatus.Ok, driver.Execute(BlockOperation.Read, 0, 1, data));
    }

    [SkippableTheory]
    [MemberData(nameof(CallingEngines))]
    public void After_a_failed_flush_a_good_disk_does_not_flush_either(string engine)
    {
        using BareDevice cached = new(TestDisk.Memory(1 << 20), engine);
        using QueueDriver driver = Drive(cached);
        Assert.Equal(BlockStatus.Ok, driver.Execute(BlockOperation.Flush, 0, 0));
        cached.File.FlushFailed = true;
        Assert.Equal(BlockStatus.IoError, driver.Execute(BlockOperation.Flush, 0, 0));

        using BareDevice direct = new(TestDisk.Memory(1 << 20), engine, direct: true);
        using QueueDriver directDriver = Drive(direct);
        direct.File.FlushFailed = true;
        Assert.Equal(BlockStatus.Ok, directDriver.Execute(BlockOperation.Flush, 0, 0));
    }

    private static bool Write(SafeFileHandle file, byte[] data, long offset)
    {
        try
        {
            RandomAccess.Write(file, data, offset);
            return true;
        }
        catch (IOException)
        {
            return false;
        }
    }
}
