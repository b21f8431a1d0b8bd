namespace Makatea.Platform.Linux.Tests;

public sealed class SizeWatchTests
{
    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(10);

    [Theory]
    [InlineData(4 << 20)]
    [InlineData(512)]
    public void A_file_that_changes_its_size_changes_the_device(int size)
    {
        string path = Path.GetTempFileName();
        try
        {
            using FileStream file = File.OpenWrite(path);
            file.SetLength(1 << 20);
            using FileBlockDevice device = FileBlockDevice.Open(path, new FileBlockOptions { SizeWatch = TimeSpan.FromMilliseconds(10) });
            using var changed = new ManualResetEventSlim();
            device.InfoChanged += changed.Set;
            file.SetLength(size);
            Assert.True(changed.Wait(_patience));
            Assert.Equal((ulong)size / BlockDevice.SectorSize, device.Info.SectorCount);
        }
        finally
        {
            File.Delete(path);
        }
    }
}
