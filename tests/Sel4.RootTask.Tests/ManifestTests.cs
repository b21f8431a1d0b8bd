using System.Runtime.InteropServices;
using Makatea.Sel4.Image.Manifests;
using Written = Makatea.Sel4.Image.Manifests.Manifest;

namespace Makatea.Sel4.RootTask.Tests;

/// <summary>Manifests of the image builder, whole and broken, as the root task reads them.</summary>
public sealed unsafe class ManifestTests
{
    private static readonly Written _manifest = new()
    {
        Components =
        [
            new Component
            {
                Name = "server",
                Program = "storage",
                Layer = "layer",
                Arguments = ["storage", "--all"],
                Environment = ["A=b"],
                Memory = 1 << 20,
                Threads = 3,
                Waiters = 2,
                Priority = 20,
                Budget = 100,
                Period = 200,
                Flags = ComponentFlags.Start | ComponentFlags.Restart,
                Grants = [new(GrantKind.Region, 0, "ring") { Rights = GrantRights.Write | GrantRights.Device }, new(GrantKind.Hear, 0, "kick"), new(GrantKind.Function, 0, "nvme"), new(GrantKind.File, 0, "f")],
            },
            new Component
            {
                Name = "client",
                Program = "client",
                Grants =
                [
                    new(GrantKind.Region, 1, "other"), new(GrantKind.Ring, 0, "kick") { Connection = 2 }, new(GrantKind.Ports, 0x3f8, "serial") { Length = 8 }, new(GrantKind.PinInterrupt, 4, "serial"),
                    new(GrantKind.Registers, 0xfed0_0000, "timer") { Length = 4096 }, new(GrantKind.Management, 0, "management"),
                    new(GrantKind.Guest, 1, "guest"),
                ],
            },
        ],
        Regions = [new("ring", 8192), new("other", 1 << 21)],
        Doorbells = ["kick"],
        Functions = [new("nvme", 0x18, 0x0010_1b36, 4, AllowUnprotected: true)],
    };

    [Fact]
    public void A_manifest_of_the_image_builder_is_read_as_it_was_written()
    {
        using var file = new NativeFile(_manifest.ToBytes());
        Assert.Equal(ManifestFault.None, Manifest.Open(file.Text, out Manifest manifest, out _));
        Assert.Equal((2, 2, 1, 1, 11), (manifest.Components, manifest.Regions, manifest.Doorbells, manifest.Functions, manifest.Grants));
        ManifestComponent* server = manifest.Component(0);
        Assert.True(manifest.Get(server->Name).Is("server"));
        Assert.True(manifest.Get(server->Arguments).Is("storage\0--all\0"));
        Assert.Equal((1ul << 20, 3ul, 20ul, 4ul), (server->Memory, server->Threads, server->Priority, server->GrantCount));
        Assert.Equal(GrantKind.Registers, manifest.Grant(8)->Kind);
        Assert.True(manifest.IsForDevices(0));
        Assert.False(manifest.IsForDevices(1));
    }

    public static TheoryData<string, int> Faults => new()
    {
        { nameof(ManifestHeader.Magic), (int)ManifestFault.Header },
        { nameof(ManifestHeader.Version), (int)ManifestFault.Header },
        { nameof(ManifestHeader.Length), (int)ManifestFault.Header },
        { "too many components", (int)ManifestFault.Table },
        { "grants outside", (int)ManifestFault.Table },
        { "name outside", (int)ManifestFault.Table },
        { "no name", (int)ManifestFault.Name },
        { "the same name", (int)ManifestFault.Name },
        { "half a page", (int)ManifestFault.Memory },
        { "an empty region", (int)ManifestFault.Memory },
        { "priority of the root task", (int)ManifestFault.Schedule },
        { "more budget than period", (int)ManifestFault.Schedule },
        { "too many threads", (int)ManifestFault.Schedule },
        { "arguments without an end", (int)ManifestFault.Arguments },
        { "another's grants", (int)ManifestFault.GrantRange },
        { "grants beyond the table", (int)ManifestFault.GrantRange },
        { "a region that is none", (int)ManifestFault.Grant },
        { "ports beyond the last", (int)ManifestFault.Grant },
        { "registers that are not aligned", (int)ManifestFault.Grant },
        { "a kind that is none", (int)ManifestFault.Grant },
        { "a guest without memory", (int)ManifestFault.Grant },
        { "a guest with more memory than there is below its devices", (int)ManifestFault.Grant },
        { "a guest that comes and goes", (int)ManifestFault.Grant },
        { "two guests in the same memory", (int)ManifestFault.Shared },
        { "two that hear", (int)ManifestFault.Shared },
    };

    [Theory]
    [MemberData(nameof(Faults))]
    public void What_is_wrong_is_found_before_anything_is_used(string what, int fault)
    {
        using var file = new NativeFile(_manifest.ToBytes());
        var header = (ManifestHeader*)file.Text.Bytes;
        var components = (ManifestComponent*)(file.Text.Bytes + header->Components.Offset);
        var regions = (ManifestRegion*)(file.Text.Bytes + header->Regions.Offset);
        var grants = (ManifestGrant*)(file.Text.Bytes + header->Grants.Offset);
        switch (what)
        {
            case nameof(ManifestHeader.Magic):
                header->Magic++;
                break;
            case nameof(ManifestHeader.Version):
                header->Version++;
                break;
            case nameof(ManifestHeader.Length):
                header->Length--;
                break;
            case "too many components":
                header->Components.Length = ulong.MaxValue;
                break;
            case "grants outside":
                header->Grants.Offset = ulong.MaxValue - 7;
                break;
            case "name outside":
                components[1].Name.Offset = file.Text.Length + 1;
                break;
            case "no name":
                components[1].Name.Length = 0;
                break;
            case "the same name":
                components[1].Name = components[0].Name;
                break;
            case "half a page":
                components[0].Memory = 2048;
                break;
            case "an empty region":
                regions[1].Length = 0;
                break;
            case "priority of the root task":
                components[1].Priority = 255;
                break;
            case "more budget than period":
                components[1].Budget = components[1].Period + 1;
                break;
            case "too many threads":
                components[0].Threads = ManifestLayout.MaxThreads + 1;
                break;
            case "arguments without an end":
                components[0].Arguments.Length--;
                break;
            case "another's grants":
                components[1].FirstGrant = 3;
                break;
            case "grants beyond the table":
                components[1].GrantCount = ulong.MaxValue;
                break;
            case "a region that is none":
                grants[0].Number = 2;
                break;
            case "ports beyond the last":
                grants[6].Length = 0x1_0000;
                break;
            case "registers that are not aligned":
                grants[8].Number += 8;
                break;
            case "a kind that is none":
                grants[9].Kind = GrantKind.Bar;
                break;
            case "a guest without memory":
                grants[10].Number = 2;
                break;
            case "a guest with more memory than there is below its devices":
                regions[1].Length = ManifestLayout.MaxGuestMemory + 4096;
                break;
            case "a guest that comes and goes":
                grants[10].Connection = 1;
                break;
            case "two guests in the same memory":
                grants[4].Kind = GrantKind.Guest;
                break;
            default:
                grants[5].Kind = GrantKind.Hear;
                break;
        }

        Assert.Equal((ManifestFault)fault, Manifest.Open(file.Text, out Manifest manifest, out _));
        Assert.Equal(default, manifest);
    }

    /// <summary>Whatever bytes are changed: what is not refused leads nowhere outside.</summary>
    [Fact]
    public void What_is_not_refused_stays_within_the_file()
    {
        byte[] bytes = _manifest.ToBytes();
        var random = new Random(1);
        int accepted = 0;
        for (int round = 0; round < 20_000; round++)
        {
            byte[] changed = [.. bytes];
            for (int i = random.Next(1, 4); i > 0; i--)
            {
                changed[random.Next(changed.Length)] = random.Next(3) switch { 0 => 0, 1 => 255, _ => (byte)random.Next(256) };
            }

            using var file = new NativeFile(changed);
            if (Manifest.Open(file.Text, out Manifest manifest, out _) != ManifestFault.None)
            {
                continue;
            }

            accepted++;
            for (int i = 0; i < manifest.Components; i++)
            {
                ManifestComponent component = *manifest.Component(i);
                Assert.All([component.Name, component.Program, component.Layer, component.Arguments, component.Environment], s => AssertInside(s, changed.Length));
                Assert.True(component.FirstGrant + component.GrantCount <= (ulong)manifest.Grants && component.Priority <= 250 && component.Threads <= ManifestLayout.MaxThreads);
            }

            for (int i = 0; i < manifest.Grants; i++)
            {
                ManifestGrant grant = *manifest.Grant(i);
                AssertInside(grant.Name, changed.Length);
                Assert.True(grant.Kind != GrantKind.Region || grant.Number < (ulong)manifest.Regions);
                Assert.True(grant.Kind != GrantKind.Function || grant.Number < (ulong)manifest.Functions);
            }
        }

        Assert.InRange(accepted, 100, 19_900);
    }

    private static void AssertInside(ManifestSpan span, int length) => Assert.True(span.Offset <= (ulong)length && span.Length <= (ulong)length - span.Offset);

    /// <summary>A file as it lies in the archive: at a fixed place.</summary>
    private sealed class NativeFile : IDisposable
    {
        private readonly void* _bytes;

        public NativeFile(byte[] bytes)
        {
            _bytes = NativeMemory.AlignedAlloc((nuint)bytes.Length, 8);
            bytes.CopyTo(new Span<byte>(_bytes, bytes.Length));
            Text = new Text((byte*)_bytes, (ulong)bytes.Length);
        }

        public Text Text { get; }

        public void Dispose() => NativeMemory.AlignedFree(_bytes);
    }
}
