using Microsoft.Win32.SafeHandles;

namespace Makatea.Platform.Linux.Tests;

public sealed class LinuxGrantsTests : IDisposable
{
    private readonly string _path = Path.GetTempFileName();
    private readonly LinuxGrants _grants = new();

    [Fact]
    public void A_file_can_be_opened_again_and_again_while_its_descriptor_stays()
    {
        File.WriteAllBytes(_path, new byte[8192]);
        using SafeFileHandle file = File.OpenHandle(_path, access: FileAccess.ReadWrite);
        ManifestGrant grant = new("disk", GrantType.File, (int)file.DangerousGetHandle());
        for (int i = 0; i < 3; i++)
        {
            using BlockDevice device = _grants.OpenFile(grant, new Dictionary<string, string> { ["engine"] = "inline", ["read-only"] = "not ours" });
            Assert.Equal(16ul, device.Info.SectorCount);
            Assert.False(device.Info.IsReadOnly);
        }

        Assert.Equal(8192, RandomAccess.GetLength(file));
    }

    [Fact]
    public void A_file_granted_for_reading_is_a_device_that_is_read_only()
    {
        File.WriteAllBytes(_path, new byte[8192]);
        using SafeFileHandle file = File.OpenHandle(_path, access: FileAccess.Read);
        using BlockDevice device = _grants.OpenFile(new ManifestGrant("disk", GrantType.File, (int)file.DangerousGetHandle(), MemoryAccess.Read), new Dictionary<string, string>());
        Assert.True(device.Info.IsReadOnly);
    }

    [Fact]
    public void Memory_is_mapped_through_its_grant()
    {
        using var memory = (LinuxGrant)new LinuxHost().CreateMemory("test", 4096);
        using Grant opened = _grants.Open(new ManifestGrant("map", GrantType.Region, (int)memory.Handle.DangerousGetHandle()));
        using MappedMemory one = opened.Map(0, 4096, MemoryAccess.ReadWrite);
        using MappedMemory other = memory.Map(0, 4096, MemoryAccess.ReadWrite);
        one.Slice(0, 4096).WriteByte(7, 42);
        Assert.Equal(42, other.Slice(7, 1).AsSpan()[0]);
    }

    [Theory]
    [InlineData("engine", "Threads", "must be one of auto, mapped, inline, iouring, threads")]
    [InlineData("direct", "yes", "must be one of false, true")]
    public void Options_of_files_that_are_wrong_are_named(string name, string value, string message)
    {
        using SafeFileHandle file = File.OpenHandle(_path, access: FileAccess.ReadWrite);
        ManifestGrant grant = new("disk", GrantType.File, (int)file.DangerousGetHandle());
        Assert.Contains(message, Assert.Throws<ArgumentException>(() => _grants.OpenFile(grant, new Dictionary<string, string> { [name] = value })).Message);
    }

    [Fact]
    public void A_grant_of_another_type_or_with_nothing_in_its_slot_is_refused()
    {
        ManifestGrant nothing = new("lost", GrantType.File, 1_000_000);
        Assert.Contains("'lost' (File): descriptor 1000000 is not open", Assert.Throws<GrantException>(() => _grants.OpenFile(nothing, new Dictionary<string, string>())).Message);
        Assert.Throws<GrantException>(() => _grants.Open(nothing with { Slot = -1 }));
        Assert.Contains("is a File and is used as a Listener", Assert.Throws<ArgumentException>(() => _grants.OpenListener(nothing)).Message);
        Assert.Contains("is a Region and is used as a File", Assert.Throws<ArgumentException>(() => _grants.OpenFile(nothing with { Type = GrantType.Region }, new Dictionary<string, string>())).Message);
    }

    public void Dispose() => File.Delete(_path);
}
