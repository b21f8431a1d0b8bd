using System.Text;
using System.Text.Json;

namespace Makatea.Platform.Tests;

public sealed class ComponentManifestTests
{
    private static readonly ComponentManifest _storage = new()
    {
        Name = "disks",
        Kind = "storage",
        Grants =
        [
            new("root", GrantType.File, 5, MemoryAccess.Read),
            new("front", GrantType.Listener, 6),
        ],
        Devices =
        [
            new("root", "virtio-blk", "front", new Dictionary<string, string> { ["file"] = "grant:root", ["serial"] = "a \"quoted\" é" }),
        ],
    };

    [Fact]
    public void A_manifest_survives_the_way_through_json()
    {
        ComponentManifest read = ComponentManifest.FromJson(_storage.ToJson());
        Assert.Equal(_storage.Name, read.Name);
        Assert.Equal(_storage.Kind, read.Kind);
        Assert.Equal(_storage.Grants, read.Grants);
        ManifestDevice device = Assert.Single(read.Devices);
        Assert.Equal(_storage.Devices[0] with { Options = device.Options }, device);
        Assert.Equal(_storage.Devices[0].Options, device.Options);
    }

    [Fact]
    public void Json_is_read_as_the_manager_writes_it()
    {
        ComponentManifest manifest = ComponentManifest.FromJson("""
            { "name": "n", "kind": "k", "grants": [ { "name": "g", "type": "Region", "slot": 3, "access": "Read" } ] }
            """u8);
        Assert.Equal(new ManifestGrant("g", GrantType.Region, 3, MemoryAccess.Read), Assert.Single(manifest.Grants));
        Assert.Empty(manifest.Devices);
        Assert.Contains("\"access\":\"Read\"", Encoding.UTF8.GetString(_storage.ToJson()));
        Assert.Contains("\"type\":\"Listener\"", Encoding.UTF8.GetString(_storage.ToJson()));
    }

    [Fact]
    public void What_is_not_known_is_left_and_what_is_null_is_empty()
    {
        ComponentManifest manifest = ComponentManifest.FromJson("""
            { "later": { "a": [ 1, { } ] }, "name": "n", "kind": "k", "grants": null, "devices": [ { "name": "d", "x": [ ], "backend": "b", "channel": "c", "options": { "o": "p" } } ] }
            """u8);
        Assert.Empty(manifest.Grants);
        Assert.Equal("p", Assert.Single(manifest.Devices).Options["o"]);
    }

    [Theory]
    [InlineData("null")]
    [InlineData("")]
    [InlineData("[]")]
    [InlineData("{}")]
    [InlineData("""{ "name": "n" }""")]
    [InlineData("""{ "name": null, "kind": "k" }""")]
    [InlineData("""{ "name": "n", "kind": "k", "grants": [ { "name": "g", "type": "Region" } ] }""")]
    [InlineData("""{ "name": "n", "kind": "k", "devices": [ { "name": "d", "backend": "b", "channel": "c" } ] }""")]
    [InlineData("""{ "name": "n", "kind": "k", "devices": [ { "name": "d", "backend": "b", "channel": "c", "options": null } ] }""")]
    [InlineData("""{ "name": "n", "kind": "k", "grants": [ { "name": "g", "type": "Everything", "slot": 3 } ] }""")]
    [InlineData("""{ "name": "n", "kind": "k", "grants": [ { "name": "g", "type": "Region", "slot": "x" } ] }""")]
    [InlineData("""{ "name": "n", "kind": "k", "grants": [ { "name": "g", "type": "Region", "slot": 3000000000 } ] }""")]
    [InlineData("""{ "name": "n", "kind": "k", "grants": [ { "name": "g", "type": "77", "slot": 3 } ] }""")]
    [InlineData("""{ "name": "n", "kind": "k", "grants": [ null ] }""")]
    [InlineData("""{ "name": "n", "kind": "k", "grants": [""")]
    [InlineData("""{ "name": "n", "kind": "k" } {}""")]
    [InlineData("""{ "name": "n", "kind": "k", "devices": [ { "name": "d", "backend": "b", "channel": "c", "options": { "o": 5 } } ] }""")]
    public void What_is_no_manifest_is_refused(string json) =>
        Assert.ThrowsAny<JsonException>(() => ComponentManifest.FromJson(Encoding.UTF8.GetBytes(json)));

    [Fact]
    public void What_was_not_granted_is_named_with_what_was()
    {
        Assert.Equal(6, _storage.Find("front").Slot);
        KeyNotFoundException e = Assert.Throws<KeyNotFoundException>(() => _storage.Find("back"));
        Assert.Contains("'disks' was not granted 'back'; it has: root, front", e.Message);
    }
}
