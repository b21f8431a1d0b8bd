using System.Text;
using Makatea.Systems;

namespace Makatea.Tests.Systems;

public sealed class SystemFileTests : IDisposable
{
    private const string Domains = "domains: {storage: }\n";
    private readonly TemporaryDirectory _directory = new();

    public SystemFileTests()
    {
        _directory.File("a.img");
        _directory.File("b.img");
        _directory.File("template.img");
        _directory.File("vmlinuz");
        _directory.File("empty.img", "");
    }

    public void Dispose() => _directory.Dispose();

    private SystemDescription Parse(string yaml, string path = "demo.yaml") =>
        SystemFile.Parse(Encoding.UTF8.GetBytes(yaml), path, new PathExpansion(_directory.Path, _ => null));

    private string[] Errors(string yaml, string path = "demo.yaml") => Assert.Throws<SystemFileException>(() => Parse(yaml, path)).Message.Split('\n');

    [Fact]
    public void Reads_all_that_a_system_can_say()
    {
        SystemDescription system = Parse("""
            name: office
            domains:
              storage: {kind: storage, memory: 64M}
              archive: {}
            qubes:
              work:
                label: blue
                memory: 512M
                cores: 2
                kernel: vmlinuz
                initrd: vmlinuz
                cmdline: console=ttyS0 quiet
                root: {template: template.img, overlay: volatile, domain: storage}
                disks:
                  - {name: private, domain: storage, image: a.img, partition: 2, serial: 0042, queues: 4, limits: {iops: 1000, bps: 50M, burst: 250}}
                  - {name: old, domain: archive, image: b.img, read-only: true}
                  - {name: bench, domain: archive, image: "null:1G"}
            """);
        Assert.Equal("office", system.Name.Value);
        Assert.Equal([("storage", 64ul << 20), ("archive", 128ul << 20)], system.Domains.Select(d => (d.Name.Value, d.Memory)));
        QubeDescription qube = Assert.Single(system.Qubes);
        Assert.Equal(("work", Label.Blue, 512ul << 20, 2), (qube.Name.Value, qube.Label, qube.Memory, qube.Cores));
        Assert.Equal($"{_directory.Path}/vmlinuz", qube.Kernel?.Value);
        Assert.Equal("console=ttyS0 quiet", qube.CommandLine);
        DiskDescription[] disks = [.. qube.Disks];
        Assert.Equal(["root", "private", "old", "bench"], disks.Select(d => d.Name.Value));
        Assert.Equal(($"{_directory.Path}/template.img", "volatile"), (disks[0].Template?.Value, disks[0].Overlay?.Value));
        Assert.Equal(("2", "0042", 4), (disks[1].Partition?.Value, disks[1].Serial, disks[1].Queues));
        Assert.Equal((1000L, 50ul << 20, 250L), (disks[1].Limits!.Iops, disks[1].Limits!.BytesPerSecond, disks[1].Limits!.BurstMilliseconds));
        Assert.True(disks[2].ReadOnly.Value);
        Assert.Equal("null:1G", disks[3].Image?.Value);
    }

    [Fact]
    public void A_disk_needs_no_domain_where_there_is_one()
    {
        SystemDescription system = Parse(Domains + "qubes: {work: {label: red, disks: [{name: a, image: a.img}]}}");
        Assert.Equal("storage", system.Qubes[0].Disks.Single().Domain?.Value);
    }

    [Fact]
    public void The_name_of_the_system_is_the_files_by_default() =>
        Assert.Equal("demo", Parse("qubes: {work: {label: red, kernel: vmlinuz}}", "/x/demo.yaml").Name.Value);

    [Fact]
    public void Anchors_and_merge_keys_save_typing()
    {
        SystemDescription system = Parse("""
            x-small: &small {memory: 64M, cores: 1, kernel: vmlinuz}
            qubes:
              a: {<<: *small, label: red}
              b: {<<: *small, label: blue, memory: 128M}
            """);
        Assert.Equal([64ul << 20, 128ul << 20], system.Qubes.Select(q => q.Memory));
        Assert.All(system.Qubes, q => Assert.Equal($"{_directory.Path}/vmlinuz", q.Kernel?.Value));
    }

    [Theory]
    [InlineData("", "1:1: error: found an empty file, expected a system")]
    [InlineData("qubes: [", "found no valid YAML")]
    [InlineData("- a", "1:1: error: the file is a list, expected a system: a mapping with one of name, domains, qubes")]
    [InlineData("{}", "1:1: error: the file has neither qubes nor components, expected at least one of them")]
    [InlineData("qubes: {}", "1:8: error: qubes has 0 entries, expected 1 to 64")]
    [InlineData("qubes: {w: {label: red, kernel: vmlinuz}}\n---\n{}", "2:1: error: found a second document, expected one")]
    [InlineData("qubes: !!map {w: {label: red}}", "1:8: error: found the tag 'tag:yaml.org,2002:map', expected none")]
    [InlineData("qubes: *q", "1:8: error: found '*q', but no '&q' before it")]
    [InlineData("qubes: &q {w: *q}", "1:15: error: found '*q' inside of '&q', expected no cycle")]
    [InlineData("qubes: {? [a] : b}", "1:11: error: found a list as a key, expected a name")]
    [InlineData("qubes: {w: {<<: 7}}", "1:17: error: '<<' is the number 7, expected a mapping such as *alias")]
    public void Refuses_what_is_no_system(string yaml, string expected) => Assert.Contains(Errors(yaml), e => e.Contains(expected, StringComparison.Ordinal));

    [Theory]
    [InlineData("label: red, kernel: vmlinuz, vmm: makatae", "vmm is 'makatae', expected makatea or qemu; did you mean 'makatea'?")]
    [InlineData("label: red, vmm: makatea, root: {image: a.img}", "'w' has no kernel, which makatea does not boot without, expected 'kernel:' or 'vmm: qemu'")]
    [InlineData("lable: red", "2:13: error: 'lable' is no key of a qube, expected one of label, memory, cores, vmm, kernel, initrd, cmdline, root, disks, netvm, net, firewall, publish; did you mean 'label'?")]
    [InlineData("label: grey", "2:20: error: label is 'grey', expected one of red, orange, yellow, green, gray, blue, purple, black; did you mean 'gray'?")]
    [InlineData("label: [red]", "2:20: error: label is a list, expected one of red, orange, yellow, green, gray, blue, purple, black")]
    [InlineData("memory: 256", "memory is the number 256, expected a size with its unit (K, M, G or T, powers of 1024), such as 256M or 1.5GiB; did you mean 256M?")]
    [InlineData("memory: 1K", "memory is '1K', expected a whole number of bytes from 16M to 1T")]
    [InlineData("memory: 16777.3K", "expected a whole number of bytes")]
    [InlineData("cores: 0", "cores is the number 0, expected a whole number from 1 to 64")]
    [InlineData("cores: 99999999999999999999", "expected a whole number from 1 to 64")]
    [InlineData("cores: \"2\"", "cores is '2', expected a whole number from 1 to 64")]
    [InlineData("kernel: vmlinux", "/vmlinux, expected a file; did you mean 'vmlinuz'?")]
    [InlineData("kernel: nowhere/vmlinux", "expected a file; there is no directory")]
    [InlineData("kernel: .", "expected a file")]
    [InlineData("kernel: 12", "kernel is the number 12, expected a path; write \"12\" if that text is meant")]
    [InlineData("kernel: '${NONE}/x'", "the environment has no NONE")]
    [InlineData("initrd: vmlinuz", "has 'initrd' without 'kernel', expected both or none")]
    [InlineData("label: red", "'w' has neither a kernel nor a disk, expected something to boot")]
    [InlineData("root: {image: a.img, template: b.img}", "'root' has more than one of image, template, expected exactly one", "root has more than one of image, template, expected exactly one")]
    [InlineData("root: {read-only: true}", "root has none of image, template, expected exactly one")]
    [InlineData("root: {image: a.img, overlay: volatile}", "root has 'overlay' without 'template', expected both or none")]
    [InlineData("root: {template: a.img, read-only: true}", "found read-only with a template")]
    [InlineData("root: {template: a.img, read-only: yes}", "read-only is 'yes', expected true or false; did you mean 'true'?")]
    [InlineData("root: {template: a.img, overlay: none/o}", "found no directory")]
    [InlineData("root: {template: a.img, overlay: a.img}", "expected one user of a file that is written")]
    [InlineData("root: {image: empty.img}", "found an empty file at")]
    [InlineData("root: {image: ab.img}", "/ab.img, expected a raw image or block device; did you mean")]
    [InlineData("root: {image: 'null:'}", "expected null:SIZE with a size")]
    [InlineData("root: {image: 'null:1G', partition: 1}", "found a partition of null:1G, expected none")]
    [InlineData("root: {image: a.img, partition: true}", "partition is")]
    [InlineData("root: {image: a.img, serial: a b}", "serial is 'a b', expected 1 to 20 printable ASCII characters without spaces")]
    [InlineData("root: {image: a.img, serial: 123456789012345678901}", "expected 1 to 20 printable")]
    [InlineData("root: {image: a.img, limits: {iops: 0}}", "iops is the number 0, expected")]
    [InlineData("root: {image: a.img, name: x}", "'name' is no key of a root")]
    [InlineData("root: {image: a.img, domain: storge}", "found the domain 'storge', expected storage; did you mean 'storage'?")]
    [InlineData("disks: {name: a}", "disks is a mapping, expected a list")]
    [InlineData("disks: [{image: a.img}]", "an item of disks has no 'name', which a disk needs")]
    [InlineData("disks: [{name: a, image: a.img}, {name: a, image: b.img}]", "found the disk name 'a' again, expected another; line 2 has it")]
    [InlineData("disks: [{name: a, image: a.img}, {name: b, image: ./a.img}]", "expected one user of a file that is written")]
    [InlineData("disks: [{name: a, image: a.img, partition: 1}, {name: b, image: a.img}]", "expected one user of a file that is written")]
    [InlineData("disks: [{name: b, template: a.img, overlay: o.img}, {name: c, template: o.img}]", "/o.img, expected a raw image")]
    public void Refuses_wrong_qubes(string entries, string expected, string? other = null)
    {
        string[] errors = Errors($"{Domains}qubes: {{w: {{{entries}}}}}");
        Assert.Contains(errors, e => e.Contains(other ?? expected, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("disks: [{name: a, image: a.img, read-only: true}, {name: b, image: a.img, read-only: true}]")]
    [InlineData("disks: [{name: a, image: a.img, partition: 1}, {name: b, image: a.img, partition: 2}]")]
    [InlineData("disks: [{name: a, template: a.img}, {name: b, template: a.img, overlay: new.img}]")]
    public void Files_can_be_shared_that_nobody_writes(string disks) =>
        Assert.Equal(2, Parse($"{Domains}qubes: {{w: {{label: red, {disks}}}}}").Qubes[0].Disks.Count());

    [Fact]
    public void Reads_controllers_and_their_namespaces()
    {
        SystemDescription system = Parse("""
            domains:
              emulated: {nvme: emulated, namespaces: [a.img, b.img]}
              real: {nvme: 0000:01:00.0}
            qubes:
              work:
                label: blue
                root: {template: "nvme:1", domain: emulated}
                disks:
                  - {name: private, domain: emulated, image: "nvme:2"}
                  - {name: first, domain: real, image: "nvme:1", partition: 1}
                  - {name: second, domain: real, image: "nvme:1", partition: 2}
            """);
        Assert.True(system.Domains[0].IsEmulated);
        Assert.Equal([$"{_directory.Path}/a.img", $"{_directory.Path}/b.img"], system.Domains[0].Namespaces.Select(n => n.Value));
        Assert.Equal((false, "0000:01:00.0"), (system.Domains[1].IsEmulated, system.Domains[1].Nvme?.Value));
        Assert.Equal("nvme:2", system.Qubes[0].Disks.ElementAt(1).Image?.Value);
    }

    [Theory]
    [InlineData("nvme: 1", "image: a.img", "expected a PCI address, such as 0000:01:00.0, or 'emulated'")]
    [InlineData("nvme: 01:00", "image: a.img", "expected a PCI address, such as 0000:01:00.0, or 'emulated'")]
    [InlineData("nvme: emulated", "image: a.img", "found an emulated controller that stores nothing")]
    [InlineData("namespaces: [a.img]", "image: b.img", "'namespaces' without 'nvme'")]
    [InlineData("nvme: 01:00.0, namespaces: [b.img]", "image: a.img", "found namespaces for the controller 01:00.0, which has its own")]
    [InlineData("nvme: emulated, namespaces: [none.img]", "image: a.img", "/none.img, expected a raw image")]
    [InlineData("nvme: emulated, namespaces: [a.img, a.img]", "image: b.img", "expected one user of a file that is written")]
    [InlineData("nvme: emulated, namespaces: [a.img]", "image: a.img", "expected one user of a file that is written")]
    [InlineData("nvme: emulated, namespaces: [a.img]", "image: 'nvme:2'", "found nvme:2, expected nvme:1: domain 's' has as many")]
    [InlineData("nvme: emulated, namespaces: [a.img]", "image: 'nvme:0'", "found 'nvme:0', expected nvme:ID")]
    [InlineData("nvme: emulated, namespaces: [a.img]", "image: 'nvme:x'", "found 'nvme:x', expected nvme:ID")]
    [InlineData("memory: 64M", "image: 'nvme:1'", "but domain 's' drives no NVMe controller; add 'nvme:'")]
    [InlineData("nvme: 01:00.0", "template: 'nvme:1'", "found a template on the controller 01:00.0")]
    public void Refuses_wrong_controllers(string domain, string disk, string expected) => Assert.Contains(
        Errors($"domains: {{s: {{{domain}}}}}\nqubes: {{w: {{label: red, root: {{{disk}}}}}}}"), e => e.Contains(expected, StringComparison.Ordinal));

    [Fact]
    public void A_controller_has_one_driver() => Assert.Contains(
        "found the controller 0000:01:00.0 again", Assert.Single(Errors("domains: {a: {nvme: 01:00.0}, b: {nvme: 0000:01:00.0}}\nqubes: {w: {label: red, kernel: vmlinuz}}")), StringComparison.Ordinal);

    [Fact]
    public void A_namespace_is_written_by_one_disk() => Assert.Contains(
        "expected one user", Assert.Single(Errors("domains: {a: {nvme: 01:00.0}}\nqubes: {w: {label: red, disks: [{name: a, image: 'nvme:1'}, {name: b, image: 'nvme:1'}]}}")), StringComparison.Ordinal);

    [Fact]
    public void A_link_is_the_file_that_it_leads_to()
    {
        File.CreateSymbolicLink(Path.Combine(_directory.Path, "link.img"), "a.img");
        Assert.Contains("expected one user", Assert.Single(Errors(Domains + "qubes: {w: {label: red, disks: [{name: a, image: a.img}, {name: b, image: link.img}]}}")), StringComparison.Ordinal);
    }

    [Fact]
    public void Finds_all_errors_at_once_in_the_order_of_the_file()
    {
        string[] errors = Errors("""
            domains:
              storage: {kind: nett}
            qubes:
              work:
                label: grean
                kernel: nothing
                disks:
                  - {name: a, image: nothing}
                  - {name: b, domain: storag, image: a.img}
              work: {}
            """);
        Assert.Equal(
            ["demo.yaml:2:19:", "demo.yaml:5:12:", "demo.yaml:6:13:", "demo.yaml:8:26:", "demo.yaml:9:27:", "demo.yaml:10:3:"],
            errors.Select(e => e[..(e.IndexOf(" error:", StringComparison.Ordinal))]));
    }

    [Fact]
    public void Duplicate_names_are_refused()
    {
        Assert.Contains("found the key 'w' again, expected it once; it is in line 2 already", Assert.Single(Errors("qubes:\n  w: {label: red, kernel: vmlinuz}\n  w: {label: red, kernel: vmlinuz}")), StringComparison.Ordinal);
        Assert.Contains("found the name 'w' for a qube and a domain", Assert.Single(Errors("domains: {w: }\nqubes:\n  w: {label: red, kernel: vmlinuz}")), StringComparison.Ordinal);
    }

    [Fact]
    public void Several_domains_have_to_be_told_apart()
    {
        string error = Assert.Single(Errors("domains: {a: , b: }\nqubes: {w: {label: red, disks: [{name: d, image: a.img}]}}"));
        Assert.Contains("disk 'd' names no domain and the file has 2 storage domains; add 'domain:' with a or b", error, StringComparison.Ordinal);
    }

    [Fact]
    public void A_name_that_does_not_fit_is_refused() =>
        Assert.Contains("add 'name:'", Assert.Single(Errors("qubes: {w: {label: red, kernel: vmlinuz}}", "/x/1 2.yaml")), StringComparison.Ordinal);

    [Fact]
    public void A_file_without_end_of_errors_is_cut_short()
    {
        string[] errors = Errors("qubes:\n" + string.Concat(Enumerable.Range(0, 60).Select(i => $"  q{i}: {{lable: red, kernel: vmlinuz}}\n")));
        Assert.Equal(51, errors.Length);
        Assert.Equal("demo.yaml: error: and 70 more", errors[^1]);
    }
}
