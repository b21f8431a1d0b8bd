using System.Diagnostics;
using Makatea.BlockContract;
using Microsoft.Win32.SafeHandles;

namespace Makatea.Platform.Linux.Tests;

/// <summary>The contract on a block device of the host: a loop device over a file in memory.</summary>
public abstract class LoopDeviceContract : FileContract
{
    private protected abstract FileBlockOptions Options { get; }

    protected override BlockDevice CreateDevice() => FileBlockDevice.Open(LoopDevice.Create(FileLength), Options, "loop");
}

public sealed class LoopDeviceTests : LoopDeviceContract
{
    private protected override FileBlockOptions Options => Bed.IoUring();

    [SkippableFact]
    public void It_is_what_the_kernel_says_that_it_is()
    {
        using FileBlockDevice device = FileBlockDevice.Open(LoopDevice.Create(FileLength, blockSize: 4096), Bed.IoUring());
        Assert.Equal((ulong)FileLength / 4096 * 8, device.Info.SectorCount);
        Assert.Equal(4096, device.Info.BlockSize);
        Assert.Equal(4096, device.Info.PhysicalBlockSize);
        Assert.Equal(4096, device.Info.DiscardGranularity);
        Assert.True(device.Info.SupportsWriteZeroes);
        Assert.False(device.Info.SupportsSecureErase);
    }

    [SkippableFact]
    public void What_it_does_not_do_is_not_done()
    {
        using FileBlockDevice device = FileBlockDevice.Open(LoopDevice.Create(FileLength), Options);
        using QueueDriver driver = new(device, 1, Host);
        Assert.Equal(BlockStatus.Unsupported, driver.Execute(BlockOperation.SecureErase, 0, 8));
    }
}

public sealed class LoopDeviceDirectTests : LoopDeviceContract
{
    private protected override FileBlockOptions Options => Bed.IoUring() with { Direct = true };
}

[Trait("Category", "Long")]
public sealed class LoopDeviceThreadsTests : LoopDeviceContract
{
    private protected override FileBlockOptions Options => new() { Engine = FileEngine.Threads };
}

/// <summary>Loop devices that go when they are closed.</summary>
internal static class LoopDevice
{
    internal static SafeFileHandle Create(long length, int blockSize = 512)
    {
        const string Program = "/usr/sbin/losetup";
        Skip.IfNot(File.Exists(Program), $"{Program} is missing; apt-get install mount");
        Skip.IfNot(Environment.UserName == "root" && File.Exists("/dev/loop-control"), "loop devices need root and /dev/loop-control; run the tests as root (modprobe loop)");
        string path = Path.Combine("/dev/shm", $"makatea-loop-{Guid.NewGuid():N}.img");
        using (FileStream file = File.Create(path))
        {
            file.SetLength(length);
        }

        try
        {
            string loop = Run(Program, "--find", "--show", "--sector-size", blockSize.ToString(System.Globalization.CultureInfo.InvariantCulture), path);
            SafeFileHandle handle = new(Libc.Open(loop, Libc.O_RDWR | Libc.O_CLOEXEC, 0), ownsHandle: true);

            // The kernel detaches it with its last descriptor.
            Run(Program, "--detach", loop);
            Assert.False(handle.IsInvalid);
            return handle;
        }
        finally
        {
            File.Delete(path);
        }
    }

    private static string Run(string program, params string[] arguments)
    {
        using Process process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        string output = process.StandardOutput.ReadToEnd().Trim();
        string error = process.StandardError.ReadToEnd();
        process.WaitForExit();
        Skip.If(process.ExitCode != 0, $"{program} {string.Join(' ', arguments)}: {error.Trim()}; free a loop device, or add one (losetup --find as root)");
        return output;
    }
}
