using Makatea.BlockContract;

namespace Makatea.Platform.Linux.Tests;

/// <summary>Every engine on every kind of file keeps the contract of block devices.</summary>
public abstract class FileContract : BlockDeviceContract
{
    // A few bytes more than whole blocks, which are to be left out.
    private protected const int FileLength = (1 << 20) + (3 * 4096) + 100;

    protected override ComponentHost? Host { get; } = new LinuxHost();
}

public sealed class MappedTests : FileContract
{
    protected override BlockDevice CreateDevice() => FileBlockDevice.Open(TestDisk.Memory(FileLength), Bed.Mapped());
}

public sealed class MappedReadOnlyTests : FileContract
{
    protected override BlockDevice CreateDevice() => FileBlockDevice.Open(TestDisk.Memory(FileLength), Bed.Mapped() with { ReadOnly = true });
}

/// <summary>The mapping is lost before the first request, and everything goes on through system calls.</summary>
public sealed class MappedAndLostTests : FileContract
{
    protected override BlockDevice CreateDevice()
    {
        Microsoft.Win32.SafeHandles.SafeFileHandle file = TestDisk.Memory(FileLength);
        FileBlockDevice device = FileBlockDevice.Open(TestDisk.Duplicate(file), Bed.Mapped());
        using (var driver = new QueueDriver(device, 1))
        {
            byte[] block = new byte[512];
            Assert.Equal(BlockStatus.Ok, driver.Execute(BlockOperation.Write, 0, 1, block));
            TestDisk.Resize(file, 0);
            Assert.Equal(BlockStatus.IoError, driver.Execute(BlockOperation.Read, 0, 1, block));
            TestDisk.Resize(file, FileLength);
        }

        file.Dispose();
        return device;
    }
}

public sealed class InlineOnMemoryTests : FileContract
{
    protected override BlockDevice CreateDevice() => FileBlockDevice.Open(TestDisk.Memory(FileLength), new() { Engine = FileEngine.Inline });
}

[Trait("Category", "Long")]
public sealed class InlineOnDiskTests : FileContract
{
    protected override BlockDevice CreateDevice() => FileBlockDevice.Open(TestDisk.OnDisk(FileLength), new() { Engine = FileEngine.Inline });
}

public sealed class IoUringOnMemoryTests : FileContract
{
    protected override BlockDevice CreateDevice() => FileBlockDevice.Open(TestDisk.Memory(FileLength), Bed.IoUring());
}

public sealed class IoUringOnDiskTests : FileContract
{
    protected override BlockDevice CreateDevice() => FileBlockDevice.Open(TestDisk.OnDisk(FileLength), Bed.IoUring());
}

public sealed class IoUringOnDiskWith4KBlocksTests : FileContract
{
    protected override BlockDevice CreateDevice() => FileBlockDevice.Open(TestDisk.OnDisk(FileLength), Bed.IoUring() with { BlockSize = 4096 });
}

/// <summary>The contract's scatter lists are not aligned, so nearly all of it goes through the bounce buffer.</summary>
public sealed class IoUringDirectTests : FileContract
{
    protected override BlockDevice CreateDevice() => FileBlockDevice.Open(TestDisk.OnDisk(FileLength, Libc.O_DIRECT), Bed.IoUring() with { Direct = true });
}

public sealed class ThreadsOnMemoryTests : FileContract
{
    protected override BlockDevice CreateDevice() => FileBlockDevice.Open(TestDisk.Memory(FileLength), new() { Engine = FileEngine.Threads });
}

public sealed class ThreadsOnDiskTests : FileContract
{
    protected override BlockDevice CreateDevice() => FileBlockDevice.Open(TestDisk.OnDisk(FileLength), new() { Engine = FileEngine.Threads });
}

public sealed class ThreadsDirectTests : FileContract
{
    protected override BlockDevice CreateDevice() =>
        FileBlockDevice.Open(TestDisk.OnDisk(FileLength, Libc.O_DIRECT), new() { Engine = FileEngine.Threads, Direct = true });
}

public sealed class IoUringReadOnlyTests : FileContract
{
    protected override BlockDevice CreateDevice() => FileBlockDevice.Open(TestDisk.OnDisk(FileLength), Bed.IoUring() with { ReadOnly = true });
}

/// <summary>As on Linux 5.19.</summary>
public sealed class IoUringCooperativeTests : FileContract
{
    protected override BlockDevice CreateDevice() => new OlderDevice(mode: 1);
}

/// <summary>As on Linux 5.10.</summary>
public sealed class IoUringPlainTests : FileContract
{
    protected override BlockDevice CreateDevice() => new OlderDevice(mode: 2);
}

/// <summary>A file whose rings have a lesser mode than the kernel could give.</summary>
internal sealed class OlderDevice(int mode) : BlockDevice
{
    private readonly BlockFile _file = new(
        TestDisk.OnDisk(1 << 20), "older", new FileTraits { SectorCount = 2048, BlockSize = 512, CanPunch = true, DiscardGranularity = 512, CanShrink = true });

    public override BlockDeviceInfo Info => _file.Traits.ToInfo(_file.SectorCount);

    public override BlockQueue OpenQueue(int depth, Doorbell? completions = null)
    {
        _ = Bed.IoUring();
        return new IoUringQueue(_file, depth, EventDoorbell.Create(), ownsDoorbell: true, [IoUringFactory.Modes[mode]]);
    }

    protected override void Dispose(bool disposing) => _file.Dispose();
}
