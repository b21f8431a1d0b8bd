using System.Text;
using Makatea.Sel4;

namespace Makatea.Platform.Sel4.Tests;

/// <summary>Files of the archive: a manifest, a disk.</summary>
public sealed class ArchiveTests : IDisposable
{
    private readonly ModelSystem _system = new();
    private readonly NativeArray<byte> _file = new(4096);

    public void Dispose()
    {
        _file.Dispose();
        _system.Dispose();
    }

    [Fact]
    public void The_manifest_is_the_file_of_the_components_name()
    {
        byte[] json = new ComponentManifest { Name = "storage", Kind = "storage", Grants = [new ManifestGrant("client/data", GrantType.Listener, 0)] }.ToJson();
        json.CopyTo(_file.AsSpan());
        using ModelComponent component = new(_system, "storage", new() { ["storage.json"] = File(json.Length) });
        Assert.Equal("client/data", Assert.Single(component.Component.ReadManifest().Grants).Name);
        using ModelComponent other = new(_system, "other", new() { ["storage.json"] = File(json.Length) });
        Assert.Contains("storage.json", Assert.Throws<GrantException>(other.Component.ReadManifest).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_is_a_disk_that_is_read_only()
    {
        Encoding.ASCII.GetBytes("second sector", _file.AsSpan()[512..]);
        using ModelComponent component = new(_system, "storage", new() { ["template"] = File(4096 + 100) });
        using BlockDevice disk = component.Component.Grants.OpenFile(new ManifestGrant("template", GrantType.File, 0, MemoryAccess.Read), new Dictionary<string, string>());
        Assert.True(disk.Info.IsReadOnly);
        Assert.Equal(8ul, disk.Info.SectorCount);
        using BlockQueue queue = disk.OpenQueue(4);
        using NativeArray<byte> data = new(1024);
        using NativeArray<MemorySegment> segments = new(2);
        segments[0] = data.AsSegment(0, 100);
        segments[1] = data.AsSegment(100, 412);
        var one = ScatterList.Of(segments, 0, 2);
        queue.Submit([
            new BlockRequest { Tag = 0, Sector = 1, SectorCount = 1, Data = one, Operation = BlockOperation.Read },
            new BlockRequest { Tag = 1, Sector = 8, SectorCount = 1, Data = one, Operation = BlockOperation.Read },
            new BlockRequest { Tag = 2, Sector = ulong.MaxValue, SectorCount = 1, Data = one, Operation = BlockOperation.Read },
            new BlockRequest { Tag = 3, Sector = 0, SectorCount = 1, Data = one, Operation = BlockOperation.Write }]);
        Span<BlockCompletion> completions = stackalloc BlockCompletion[8];
        Assert.Equal(BlockQueue.Ready, queue.Arm());
        Assert.Equal(4, queue.Poll(completions));
        Assert.Equal([BlockStatus.Ok, BlockStatus.IoError, BlockStatus.IoError, BlockStatus.IoError], completions[..4].ToArray().Select(c => c.Status));
        Assert.Equal("second sector", Encoding.ASCII.GetString(data.AsSpan()[..13]));
        queue.Submit([new BlockRequest { Tag = 0, Sector = 0, SectorCount = 2, Data = one, Operation = BlockOperation.Read }, new BlockRequest { Tag = 1, Operation = BlockOperation.Flush }, new BlockRequest { Tag = 2, Operation = BlockOperation.Discard }]);
        Assert.Equal(3, queue.Poll(completions));
        Assert.Equal([BlockStatus.IoError, BlockStatus.Ok, BlockStatus.Unsupported], completions[..3].ToArray().Select(c => c.Status));
        Assert.Equal(DoorbellWaiter.Forever, queue.Arm());
        Assert.Equal(0, queue.Poll(completions));
    }

    [Fact]
    public void What_is_no_component_is_told_so()
    {
        Assert.Throws<PlatformNotSupportedException>(() => new ComponentTable(_file.AsSegment().Address));
        Assert.Throws<PlatformNotSupportedException>(Sel4Component.Attach);
    }

    private GrantInfo File(int length) => new() { Kind = GrantKind.File, Address = (ulong)_file.AsSegment().Address, Length = (ulong)length, State = 1 };
}
