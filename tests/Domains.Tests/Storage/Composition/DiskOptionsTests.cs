using Makatea.Platform;

namespace Makatea.Domains.Storage.Tests;

public sealed class DiskOptionsTests
{
    [Fact]
    public void Options_are_read()
    {
        DiskOptions options = Parse("template=grant:base overlay=grant:top overlay-mode=kept overlay-map=grant:map partition=root read-only=true iops=100 bps=4096 burst-ms=250");
        Assert.Equal(("base", "top", OverlayMode.Kept, "map", "root", true), (options.Storage, options.Overlay, options.OverlayMode, options.OverlayMap, options.Partition, options.IsReadOnly));
        Assert.Equal(new RateLimits { OperationsPerSecond = 100, OperationsBurst = 25, BytesPerSecond = 4096, BytesBurst = 1024 }, options.Limits);

        DiskOptions plain = Parse("null=1048576");
        Assert.Equal((null, 2048ul, null, false), (plain.Storage, plain.NullSectors, plain.Overlay, plain.IsReadOnly));
        Assert.Equal(RateLimits.None, plain.Limits);
        DiskOptions namespaced = Parse("image=grant:controller namespace=3");
        Assert.Equal(("controller", 3u), (namespaced.Storage, namespaced.Namespace));
        Assert.Null(plain.Namespace);
        Assert.Equal(OverlayMode.Volatile, Parse("template=grant:a overlay=grant:b").OverlayMode);
        Assert.Equal(1, Parse("null=512 iops=1 burst-ms=1").Limits.OperationsBurst);
        Assert.Equal(long.MaxValue, Parse("null=512 bps=9223372036854775807 burst-ms=9223372036854775807").Limits.BytesBurst);
    }

    [Theory]
    [InlineData("image=grant:a read-olny=true", "no option 'read-olny'; did you mean 'read-only'?")]
    [InlineData("image=grant:a queue=2", "no option 'queue'; did you mean 'queues'?")]
    [InlineData("image=grant:a zzz=2", "no option 'zzz'; there are image, null, template")]
    [InlineData("", "one of the options image, null and template is needed, and there is none")]
    [InlineData("image=grant:a null=512", "there are image and null")]
    [InlineData("image=a", "option image is 'a' and must be grant:NAME")]
    [InlineData("null=512 namespace=1", "namespace is that of a controller, and there is none")]
    [InlineData("image=grant:a namespace=0", "option namespace is '0' and must be a whole number above 0")]
    [InlineData("image=grant:a namespace=4294967296", "option namespace is '4294967296' and must be at most 4294967294")]
    [InlineData("null=0", "option null is '0' and must be a whole number above 0")]
    [InlineData("null=99999999999999999999", "option null is '99999999999999999999' and must be a whole number above 0")]
    [InlineData("null=512 iops=-1", "option iops is '-1'")]
    [InlineData("null=512 read-only=yes", "option read-only is 'yes' and must be false or true")]
    [InlineData("template=grant:a overlay=grant:b overlay-mode=keep", "option overlay-mode is 'keep' and must be volatile or kept")]
    [InlineData("template=grant:a", "template and overlay go together")]
    [InlineData("image=grant:a overlay=grant:b", "template and overlay go together")]
    [InlineData("image=grant:a overlay-mode=kept", "are those of an overlay, and there is none")]
    public void What_is_wrong_is_named_with_what_is_allowed(string options, string message)
    {
        string text = Assert.Throws<ArgumentException>(() => Parse(options)).Message;
        Assert.StartsWith("device 'disk': ", text);
        Assert.Contains(message, text);
    }

    private static DiskOptions Parse(string options) => DiskOptions.Parse(
        new ManifestDevice("disk", "virtio-blk", "channel", options.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(o => o.Split('=')).ToDictionary(o => o[0], o => o[1])),
        ["serial", "queues"]);
}
