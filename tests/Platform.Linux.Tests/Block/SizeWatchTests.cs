namespace Makatea.Platform.Linux.Tests;

public sealed class SizeWatchTests : IDisposable
{
    private const int Size = 1 << 20;
    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(10);
    private readonly string _path = Path.GetTempFileName();
    private readonly FileStream _file;

    public SizeWatchTests()
    {
        _file = File.OpenWrite(_path);
        _file.SetLength(Size);
    }

    [Fact]
    public void A_file_that_grows_makes_the_device_larger()
    {
        using FileBlockDevice device = FileBlockDevice.Open(_path, new FileBlockOptions { SizeWatch = TimeSpan.FromMilliseconds(10) });
        using var changed = new ManualResetEventSlim();
        device.InfoChanged += changed.Set;
        _file.SetLength(4 * Size);
        Assert.True(changed.Wait(_patience));
        Assert.Equal(4ul * Size / BlockDevice.SectorSize, device.Info.SectorCount);
    }

    [Fact]
    public void A_file_that_got_shorter_is_no_smaller_device_until_somebody_says_so()
    {
        using FileBlockDevice device = FileBlockDevice.Open(_path, new FileBlockOptions { SizeWatch = TimeSpan.FromMilliseconds(10) });
        _file.SetLength(Size / 2);
        Thread.Sleep(200);
        Assert.Equal((ulong)Size / BlockDevice.SectorSize, device.Info.SectorCount);
        device.Refresh();
        Assert.Equal((ulong)Size / 2 / BlockDevice.SectorSize, device.Info.SectorCount);
    }

    public void Dispose()
    {
        _file.Dispose();
        File.Delete(_path);
    }
}
