using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using Makatea.Sel4.Image;
using Makatea.Sel4.Image.Manifests;
using Makatea.Sel4.Tests.Modules;

namespace Makatea.Sel4.Tests.Manifests;

public sealed class ManifestTests
{
    private static readonly Component _server = new()
    {
        Name = "server",
        Program = "storage",
        Layer = "layer",
        Arguments = ["storage", "--all", ""],
        Environment = ["A=b"],
        Memory = 1 << 20,
        Threads = 3,
        Waiters = 2,
        Priority = 20,
        Budget = 100,
        Period = 200,
        Flags = ComponentFlags.Start | ComponentFlags.Restart,
        Grants =
        [
            new(GrantKind.Region, 0, "ring") { Rights = GrantRights.Write | GrantRights.Device },
            new(GrantKind.Hear, 0, "kick"),
            new(GrantKind.Function, 0, "0000:00:03.0"),
            new(GrantKind.File, 0, "server.json"),
        ],
    };

    private static readonly Component _client = new()
    {
        Name = "client",
        Program = "client",
        Grants =
        [
            new(GrantKind.Region, 0, "ring") { Connection = 2 },
            new(GrantKind.Ring, 0, "kick") { Connection = 2 },
            new(GrantKind.Ports, 0x3f8, "serial") { Length = 8 },
            new(GrantKind.PinInterrupt, 4, "serial"),
            new(GrantKind.Registers, 0xfed0_0000, "timer") { Length = 4096 },
            new(GrantKind.Management, 0, "management"),
        ],
    };

    private static readonly Manifest _manifest = new()
    {
        Components = [_server, _client],
        Regions = [new("ring", 8192)],
        Doorbells = ["kick"],
        Functions = [new("nvme", 0x18, 0x0010_1b36, 4, AllowUnprotected: true)],
    };

    [Fact]
    public void The_root_task_finds_what_was_written()
    {
        byte[] file = _manifest.ToBytes();
        ManifestHeader header = MemoryMarshal.Read<ManifestHeader>(file);
        Assert.Equal((ManifestLayout.Magic, ManifestLayout.Version, (ulong)file.Length), (header.Magic, header.Version, header.Length));
        Assert.Equal("MAKATEAM"u8, file.AsSpan(0, 8));
        ManifestComponent server = At<ManifestComponent>(header.Components, 0);
        Assert.Equal(("server", "storage", "layer"), (Text(server.Name), Text(server.Program), Text(server.Layer)));
        Assert.Equal(("storage\0--all\0\0", "A=b\0"), (Text(server.Arguments), Text(server.Environment)));
        Assert.Equal((1ul << 20, 3ul, 2ul, 20ul, 100ul, 200ul), (server.Memory, server.Threads, server.Waiters, server.Priority, server.Budget, server.Period));
        Assert.Equal((ComponentFlags.Start | ComponentFlags.Restart, 0ul, 4ul), (server.Flags, server.FirstGrant, server.GrantCount));
        ManifestComponent client = At<ManifestComponent>(header.Components, 1);
        Assert.Equal((0ul, ComponentFlags.None, 4ul, 6ul), (client.Layer.Length, client.Flags, client.FirstGrant, client.GrantCount));
        Assert.Equal(("ring", 8192ul), (Text(At<ManifestRegion>(header.Regions, 0).Name), At<ManifestRegion>(header.Regions, 0).Length));
        Assert.Equal("kick", Text(At<ManifestDoorbell>(header.Doorbells, 0).Name));
        ManifestFunction function = At<ManifestFunction>(header.Functions, 0);
        Assert.Equal(("nvme", 0x18ul, 0x0010_1b36ul, 4ul, 1ul), (Text(function.Name), function.Address, function.Identity, function.Vectors, function.AllowUnprotected));
        Assert.Equal(10ul, header.Grants.Length);
        ManifestGrant ring = At<ManifestGrant>(header.Grants, 0);
        Assert.Equal((GrantKind.Region, 0ul, "ring", GrantRights.Write | GrantRights.Device, 0ul), (ring.Kind, ring.Number, Text(ring.Name), ring.Rights, ring.Connection));
        Assert.Equal(2ul, At<ManifestGrant>(header.Grants, 4).Connection);
        Assert.Equal((0xfed0_0000ul, 4096ul), (At<ManifestGrant>(header.Grants, 8).Number, At<ManifestGrant>(header.Grants, 8).Length));

        string Text(ManifestSpan span) => Encoding.UTF8.GetString(file.AsSpan((int)span.Offset, (int)span.Length));

        T At<T>(ManifestSpan table, int index)
            where T : unmanaged
        {
            Assert.Equal(0ul, table.Offset % 8);
            Assert.InRange(index, 0, (int)table.Length - 1);
            return MemoryMarshal.Read<T>(file.AsSpan((int)table.Offset + (index * Unsafe.SizeOf<T>())));
        }
    }

    [Fact]
    public void What_was_written_is_read_back() =>
        Assert.Equal(JsonSerializer.Serialize(_manifest), JsonSerializer.Serialize(Manifest.Parse(_manifest.ToBytes())));

    [Fact]
    public void Broken_manifests_are_refused_and_nothing_else()
    {
        byte[] file = _manifest.ToBytes();
        Mutations.Run(file, file.Length, bytes => Manifest.Parse(bytes));
    }

    public static TheoryData<string, Manifest> Wrong => new()
    {
        { "the system has no component", new Manifest() },
        { "has 65 components, allowed are 64", new Manifest { Components = [.. Enumerable.Range(0, 65).Select(i => new Component { Name = $"c{i}", Program = "p" })] } },
        { "has 261 grants, allowed are 256", With(c => c with { Grants = [.. Enumerable.Range(0, 257).Select(i => new Grant(GrantKind.File, 0, $"f{i}"))] }) },
        { "two components are called 'server'", _manifest with { Components = [_server, _client with { Name = "server" }] } },
        { "two regions are called 'r'", _manifest with { Regions = [new("r", 4096), new("r", 4096)] } },
        { "a function is called ''", _manifest with { Functions = [new("", 0, 0, 0, false)] } },
        { "region 'ring' has 100 bytes", _manifest with { Regions = [new("ring", 100)] } },
        { "'client' has 5 bytes of memory", With(c => c with { Memory = 5 }) },
        { "'client' has 257 threads, allowed are 0 to 256", With(c => c with { Threads = 257 }) },
        { "'client' has 0 threads, allowed are 1 to 256", With(c => c with { Layer = "layer" }) },
        { "'client' has 65 waiters", With(c => c with { Waiters = 65 }) },
        { "'client' has priority 1, allowed are 2 to 250", With(c => c with { Priority = 1 }) },
        { "'client' has 2000 us of each 1000 us", With(c => c with { Budget = 2000 }) },
        { "'client' has 0 us of each 1000 us", With(c => c with { Budget = 0 }) },
        { "'client' has 1000 us of each 20000000 us", With(c => c with { Period = 20_000_000 }) },
        { "allowed are 12288", With(c => c with { Arguments = [new string('x', 12288)] }) },
        { "allowed are 12288", With(c => c with { Grants = [.. Enumerable.Range(0, 249).Select(i => new Grant(GrantKind.File, 0, $"a file with a name that is long, as long as nobody would write it: {i}"))] }) },
        { "is given Region 'ring': its number is 1 and there are 1", Given(new Grant(GrantKind.Region, 1, "ring")) },
        { "is given Function 'x': its number is 9", Given(new Grant(GrantKind.Function, 9, "x")) },
        { "is given Ports 'serial': not all", Given(new Grant(GrantKind.Ports, 0xffff, "serial") { Length = 2 }) },
        { "is given Ports 'serial': not all", Given(new Grant(GrantKind.Ports, 1, "serial")) },
        { "is given PinInterrupt 'p': there are 256", Given(new Grant(GrantKind.PinInterrupt, 256, "p")) },
        { "is given Registers 'r': they are not 4K or a larger power of two", Given(new Grant(GrantKind.Registers, 4096, "r") { Length = 5 }) },
        { "is given Registers 'r': they are not 4K or a larger power of two", Given(new Grant(GrantKind.Registers, 0xf_ffff_ffff_f000, "r") { Length = 8192 }) },
        { "is given Registers 'r': they are not 4K or a larger power of two", Given(new Grant(GrantKind.Registers, 4096, "r") { Length = 8192 }) },
        { "is given File 'f': it is no part of a connection", Given(new Grant(GrantKind.File, 0, "f") { Connection = 1 }) },
        { "is given Bar 'b': that is not given by itself", Given(new Grant(GrantKind.Bar, 0, "b")) },
        { "is given File 'f': rights are those of regions", Given(new Grant(GrantKind.File, 0, "f") { Rights = GrantRights.Write }) },
        { "is given Guest 'g': its number is 1 and there are 1", Given(new Grant(GrantKind.Guest, 1, "g")) },
        { "is given Guest 'g': others have that memory", Given(new Grant(GrantKind.Guest, 0, "g"), new Grant(GrantKind.Guest, 0, "h")) },
        { "is given Guest 'g': a guest has 3G of memory at most", Given(new Grant(GrantKind.Guest, 0, "g")) with { Regions = [new("ring", 4ul << 30)] } },
        { "is given File 'f': twice", Given(new Grant(GrantKind.File, 0, "f"), new Grant(GrantKind.File, 0, "f")) },
        { "doorbell 'kick' is rung by nobody and heard by 'server'", Given() },
        { "doorbell 'kick' is rung by 'client' and heard by 'server' and 'client'", With(c => c with { Waiters = 1, Grants = [.. c.Grants, new(GrantKind.Hear, 0, "kick")] }) },
        { "is given Hear 'kick': it has no waiter", Given(new Grant(GrantKind.Hear, 0, "kick")) },
        { "function 'nvme' is given to 'server' and 'client'", With(c => c with { Grants = [.. c.Grants, new(GrantKind.Function, 0, "nvme")] }) },
        { "functions 'nvme' and 'other' are the same", _manifest with { Functions = [_manifest.Functions[0], _manifest.Functions[0] with { Name = "other" }] } },
        { "function 'other' is given to nobody", _manifest with { Functions = [_manifest.Functions[0], _manifest.Functions[0] with { Name = "other" }] } },
        { "several components serve the console", _manifest with { Components = [_server with { Flags = ComponentFlags.Console }, _client with { Flags = ComponentFlags.Console }] } },
    };

    [Theory]
    [MemberData(nameof(Wrong), DisableDiscoveryEnumeration = true)]
    public void What_the_root_task_could_not_do_is_refused(string expected, Manifest manifest) =>
        Assert.Contains(expected, Assert.Throws<ImageException>(manifest.ToBytes).Message, StringComparison.Ordinal);

    /// <summary>The structures are read by programs that were compiled by themselves.</summary>
    [Fact]
    public void Structures_have_their_sizes() => Assert.Equal(
        (104, 152, 24, 16, 48, 56),
        (Unsafe.SizeOf<ManifestHeader>(), Unsafe.SizeOf<ManifestComponent>(), Unsafe.SizeOf<ManifestRegion>(), Unsafe.SizeOf<ManifestDoorbell>(), Unsafe.SizeOf<ManifestFunction>(), Unsafe.SizeOf<ManifestGrant>()));

    private static Manifest With(Func<Component, Component> change) => _manifest with { Components = [_server, change(_client)] };

    private static Manifest Given(params Grant[] grants) => With(c => c with { Grants = grants });
}
