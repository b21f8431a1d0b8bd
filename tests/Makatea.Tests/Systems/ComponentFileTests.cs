using System.Text;
using Makatea.Systems;

namespace Makatea.Tests.Systems;

/// <summary>Components on seL4 in system files.</summary>
public sealed class ComponentFileTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public ComponentFileTests()
    {
        _directory.File("p.elf");
        _directory.File("data.json");
        Directory.CreateDirectory(Path.Combine(_directory.Path, "project"));
        _directory.File("project/Project.csproj");
        Directory.CreateDirectory(Path.Combine(_directory.Path, "empty"));
    }

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void Reads_all_that_components_can_say()
    {
        SystemDescription system = Parse("""
            memory: 1G
            domains:
              storage: {nvme: 0000:00:03.0, sel4: {program: project, priority: 120, threads: 30, restart: false}}
            regions: {shared: 64K}
            components:
              client:
                program: project
                memory: 32M
                threads: 12
                waiters: 3
                priority: 90
                budget: 300us
                period: 5ms
                restart: true
                start: false
                management: true
                args: [--fast, 3]
                env: {MODE: quick}
                files: {data.json: data.json}
                regions: {shared: device}
                rings: [kick]
                disks: [{name: data, image: "nvme:1", memory: 2M}]
                functions: {nic: {address: "0000:00:04.0", identity: "8086:10d3", vectors: 3, allow-unprotected: true}}
                ports: [0x60, 0x70-0x71]
                pins: [4]
                registers: {timer: {address: 0xfed00000}}
              bare: {program: p.elf, layer: none, hears: [kick]}
            connections: {link: {regions: [shared], doorbells: [kick], disks: [client/data]}}
            """);
        Assert.Equal(1ul << 30, system.Memory?.Value);
        ComponentScheduling storage = system.Domains[0].Scheduling;
        Assert.Equal((Project, 120, 30, false), (storage.Program?.Value, storage.Priority, storage.Threads, storage.Restart));
        ComponentDescription client = system.Components[0];
        Assert.Equal(("client", Project, ComponentLayer.Linux, 32ul << 20), (client.Name.Value, client.Program.Value, client.Layer, client.Memory?.Value));
        Assert.Equal((12, 3, 90, 300L, 5000L, true), (client.Scheduling.Threads, client.Scheduling.Waiters, client.Scheduling.Priority, client.Scheduling.Budget?.Value, client.Scheduling.Period, client.Scheduling.Restart));
        Assert.Equal((false, true), (client.Start, client.Management));
        Assert.Equal(["--fast", "3"], client.Arguments);
        Assert.Equal([("MODE", "quick")], client.Environment.Select(e => (e.Name.Value, e.Text.Value)));
        Assert.Equal([("data.json", Path.Combine(_directory.Path, "data.json"))], client.Files.Select(e => (e.Name.Value, e.Text.Value)));
        Assert.Equal([("shared", RegionAccess.Device)], client.Regions.Select(r => (r.Name.Value, r.Access)));
        Assert.Equal(("data", "storage", "nvme:1", 2ul << 20), (client.Disks[0].Name.Value, client.Disks[0].Domain?.Value, client.Disks[0].Image?.Value, client.Disks[0].Memory?.Value));
        FunctionDescription function = client.Functions[0];
        Assert.Equal(("nic", "0000:00:04.0", "8086:10d3", 3, true), (function.Name.Value, function.Address.Value, function.Identity, function.Vectors, function.AllowUnprotected));
        Assert.Equal(["0x60", "0x70-0x71"], client.Ports.Select(p => p.Value));
        Assert.Equal([4L], client.Pins.Select(p => p.Value));
        Assert.Equal([("timer", "0xfed00000", 4096ul)], client.Registers.Select(r => (r.Name.Value, r.Address.Value, r.Length)));
        Assert.Equal((ComponentLayer.None, null, true), (system.Components[1].Layer, system.Components[1].Memory, system.Components[1].Start));
        Assert.Equal(["shared", "kick", "client/data"], system.Connections[0].Regions.Concat(system.Connections[0].Doorbells).Concat(system.Connections[0].Disks).Select(n => n.Value));
    }

    [Theory]
    [InlineData("components: {c: {program: p.elf, rings: [kick]}}", "1:42: error: found the doorbell 'kick' rung by 'c' and heard by nobody, expected 'hears:' with it in a component")]
    [InlineData("components: {c: {program: p.elf, rings: [kick]}, d: {program: p.elf, hears: [kcik]}}", "did you mean 'kcik'?")]
    [InlineData("components: {c: {program: p.elf, rings: [kick]}, d: {program: p.elf, hears: [kcik]}}", "found the doorbell 'kcik' heard by 'd' and rung by nobody, expected 'rings:' with it in a component; did you mean 'kick'?")]
    [InlineData("components: {c: {program: p.elf, rings: [k]}, d: {program: p.elf, rings: [k]}, e: {program: p.elf, hears: [k]}}", "found the doorbell 'k' rung by 'd', expected one component; line 1 has it for 'c'")]
    [InlineData("components: {c: {program: p.elf, rings: [k], hears: [k], waiters: 0}}", "component 'c' hears a doorbell and has no waiters")]
    [InlineData("components: {c: {program: p.elf, regions: {r: read}}}", "found the region 'r', but the system has none; add 'regions: {NAME: SIZE}' to it")]
    [InlineData("regions: {ring: 4K}\ncomponents: {c: {program: p.elf, regions: {rong: read}}}", "2:44: error: found the region 'rong', expected ring; did you mean 'ring'?")]
    [InlineData("regions: {ring: 4K}\ncomponents: {c: {program: p.elf}}", "1:11: error: found the region 'ring', which no component has")]
    [InlineData("regions: {ring: 5K}\ncomponents: {c: {program: p.elf, regions: {ring: read}}}", "the region 'ring' has 5120 bytes, expected whole pages of 4K")]
    [InlineData("regions: {ring: 4K}\ncomponents: {c: {program: p.elf, regions: {ring: device}}}", "may reach the region 'ring', but it has none")]
    [InlineData("components: {c: {program: p.elf, budget: 2ms, period: 1ms}}", "found 2000us of each 1000us, expected at most all of it")]
    [InlineData("components: {c: {program: p.elf, budget: 5}}", "budget is the number 5, expected a time with its unit (us, ms or s), such as 300us or 5ms; did you mean 5us?")]
    [InlineData("components: {c: {program: p.elf, layer: linx}}", "layer is 'linx', expected linux or none; did you mean 'linux'?")]
    [InlineData("components: {c: {program: p.elf, thread: 2}}", "did you mean 'threads'?")]
    [InlineData("components: {c: {program: q.elf}}", "found no project or program at")]
    [InlineData("components: {c: {program: empty}}", "found 0 projects in the folder")]
    [InlineData("components: {c: {program: p.elf, files: {x: data.jsn}}}", "data.jsn, expected a file; did you mean 'data.json'?")]
    [InlineData("components: {c: {program: p.elf, files: {manifest: data.json}}}", "the image has a file of that name of its own")]
    [InlineData("components: {c: {program: p.elf, files: {x: data.json}}, d: {program: p.elf, files: {x: p.elf}}}", "found the file name 'x' for")]
    [InlineData("components: {c: {program: p.elf, memory: 1M}}", "found 1M for a .NET program, expected at least 8M")]
    [InlineData("components: {c: {program: p.elf, layer: none, memory: 1K}}", "the component's 'memory' has 1024 bytes, expected whole pages of 4K")]
    [InlineData("components: {console: {program: p.elf}}", "found a component called 'console', expected another name")]
    [InlineData("domains: {s: }\ncomponents: {c: {program: p.elf, disks: [{name: d, image: data.json}]}}", "found the image data.json, expected nvme:ID or null:SIZE: files are not there on seL4; put it into a namespace of an NVMe controller")]
    [InlineData("domains: {s: }\ncomponents: {c: {program: p.elf, disks: [{name: d, template: data.json}]}}", "found a template for a component's disk, expected an image")]
    [InlineData("domains: {s: }\ncomponents: {c: {program: p.elf, disks: [{name: d, image: \"nvme:1\"}]}}", "found nvme:1, but domain 's' drives no NVMe controller")]
    [InlineData("components: {c: {program: p.elf, disks: [{name: d, image: \"null:1G\"}]}}", "disk 'd' names no domain and the file has 0")]
    [InlineData("domains: {s: }\ncomponents: {c: {program: p.elf, layer: none, disks: [{name: d, image: \"null:1G\"}]}}", "found a disk of component 'c', which has no layer")]
    [InlineData("components: {c: {program: p.elf, layer: none, guest: 32M}}", "found a guest of component 'c', which has no layer")]
    [InlineData("components: {c: {program: p.elf, guest: 33M}}", "found 34603008 bytes for a guest, expected a multiple of 2M")]
    [InlineData("domains: {s: }\ncomponents: {s: {program: p.elf}}", "2:14: error: found the name 's' for a component and a domain, expected one of them; the other is in line 1")]
    [InlineData("domains: {s: {nvme: \"00:03.0\"}}\ncomponents: {c: {program: p.elf, functions: {f: {address: \"0000:00:03.0\"}}}}", "found the function 0000:00:03.0 again, expected another; domain 's' in line 1 drives it")]
    [InlineData("components: {c: {program: p.elf, functions: {f: {address: \"00:04.0\"}, g: {address: \"00:04.0\"}}}}", "found the function 0000:00:04.0 again, expected another; component 'c' in line 1 drives it")]
    [InlineData("components: {c: {program: p.elf, functions: {f: {address: \"0001:00:04.0\"}}}}", "expected one of segment 0000")]
    [InlineData("components: {c: {program: p.elf, ports: [0x3ff]}}", "0x3f8-0x3ff are the console's")]
    [InlineData("components: {c: {program: p.elf, ports: [0x70-0x60]}}", "expected the lower first")]
    [InlineData("components: {c: {program: p.elf, ports: [0x60-0x64, 0x62]}}", "component 'c' in line 1 has some of them")]
    [InlineData("components: {c: {program: p.elf, pins: [4]}, d: {program: p.elf, pins: [4]}}", "found the pin 4 again, expected another; component 'c' in line 1 has it")]
    [InlineData("components: {c: {program: p.elf, registers: {a: {address: 0xfed00000, length: 8K}, b: {address: 0xfed01000}}}}", "found registers at 0xfed01000, expected others")]
    [InlineData("components: {c: {program: p.elf, registers: {a: {address: 0xfed00000, length: 5K}}}}", "found 5K of registers at 0xfed00000, expected 4K or a larger power of two, at a multiple of that")]
    [InlineData("components: {c: {program: p.elf}}\nconnections: {l: {regions: [x]}}", "found the region 'x', expected none")]
    [InlineData("components: {c: {program: p.elf}}\nconnections: {l: {}}", "no component with 'management: true'")]
    [InlineData("regions: {r: 4K}\ncomponents: {c: {program: p.elf, management: true, regions: {r: read}}}\nconnections: {l: {regions: [r]}, m: {regions: [r]}}", "found the region 'r' in a connection again, expected it in one; line 3 has it")]
    public void Says_what_cannot_be(string yaml, string expected) =>
        Assert.Contains(expected, Assert.Throws<SystemFileException>(() => Parse(yaml)).Message, StringComparison.Ordinal);

    private string Project => Path.Combine(_directory.Path, "project/Project.csproj");

    private SystemDescription Parse(string yaml) => SystemFile.Parse(Encoding.UTF8.GetBytes(yaml), "demo.yaml", new PathExpansion(_directory.Path, _ => null));
}
