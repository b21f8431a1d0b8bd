using System.Globalization;
using System.Text.RegularExpressions;

namespace Makatea.EndToEnd;

/// <summary>Disks of a system that <c>makatea up</c> runs: one storage domain, in its sandbox, serves all of them, and may die.</summary>
[Trait("Category", "Guest")]
public sealed partial class SystemDiskTests
{
    private const long Size = 64 << 20;
    private const int Kills = 8;

    // The host tells the guests to stop by making a disk larger.
    private const string StressScript = """
        size() { blockdev --getsize64 /dev/disk/signal; }
        before=$(size)
        (while [ $(size) = $before ]; do sleep 0.2; done; touch /tmp/stop) &
        /bin/blockstress /dev/disk/data 32 7 /tmp/stop | tail -n 1
        dmesg | grep -E 'I/O error|blocked for more' || echo dmesg: clean
        """;

    [GeneratedRegex("^slow: ([0-9]+) s", RegexOptions.Multiline)]
    private static partial Regex SlowSeconds { get; }

    [SkippableFact]
    public void Qubes_go_on_while_their_storage_domain_is_killed_again_and_again()
    {
        using var scratch = new Scratch();
        string template = RandomImage(scratch, "template.img");
        string templateSum = Sum(template);
        (string Name, string Disk)[] qubes =
        [
            ("plain", $"image: {scratch.Image("plain.img", Size)}"),
            ("volatile", $"template: {template}"),
            ("kept", $"template: {template}, overlay: {scratch.File("kept.overlay")}"),
            ("nvme", "image: nvme:1"),
        ];
        string domain = $"{{nvme: emulated, namespaces: [{scratch.Image("namespace.img", Size)}]}}";
        using var system = RunningSystem.Start(scratch, domain, qubes.Select(q => new QubeScript(q.Name, StressScript,
            $"name: data, {q.Disk}", $"name: signal, image: {scratch.Image(q.Name + ".signal", 1 << 20)}")));
        var random = new Random(1);
        for (int kill = 0; kill < Kills; kill++)
        {
            // All have written since the last time: only then is this kill one in the middle of writes.
            long[] before = [.. qubes.Select(q => system.Counter(q.Name, "data", "writes"))];
            system.Wait($"writes of all after {kill} kills", 90, () => !qubes.Where((q, i) => system.Counter(q.Name, "data", "writes") <= before[i]).Any());
            Thread.Sleep(random.Next(300));
            system.KillDomain(seconds: 60);
        }

        Assert.Equal(Kills, system.Domain["restarts"]!.GetValue<int>());
        foreach ((string name, _) in qubes)
        {
            Resize(scratch.File(name + ".signal"), 2 << 20);
        }

        system.WaitForEnd(180);
        Assert.All(qubes, q =>
        {
            Assert.Contains("verified: ", system.Console(q.Name), StringComparison.Ordinal);
            Assert.Contains("dmesg: clean", system.Console(q.Name), StringComparison.Ordinal);
        });
        Assert.Equal(templateSum, Sum(template));
    }

    [SkippableFact]
    public void A_disk_that_fails_fails_alone()
    {
        using var scratch = new Scratch();
        string bad = scratch.Image("bad.img", Size);
        using var system = RunningSystem.Start(scratch,
            new QubeScript("unlucky", """
                while dd if=/dev/disk/data of=/dev/null bs=64K skip=1000 count=1 iflag=direct 2>/dev/null; do sleep 0.2; done
                echo errors: $(dmesg | grep -c 'I/O error')
                dd if=/dev/urandom of=/dev/disk/data bs=64K count=16 oflag=direct 2>/dev/null && echo the rest works
                dd if=/dev/urandom of=/dev/disk/other bs=64K count=16 oflag=direct 2>/dev/null && echo the other disk works
                """, $"name: data, image: {bad}", $"name: other, image: {scratch.Image("other.img", Size)}"),
            new QubeScript("lucky", StressScript,
                $"name: data, image: {scratch.Image("good.img", Size)}", $"name: signal, image: {scratch.Image("good.signal", 1 << 20)}"));
        system.Wait("both at work", RunningSystem.BootSeconds, () => system.Counter("lucky", "data", "writes") > 0 && system.Counter("unlucky", "data", "reads") > 0);
        Resize(bad, Size / 2);

        system.WaitForConsole("unlucky", "guest: ended", 60);
        long before = system.Counter("lucky", "data", "writes");
        system.Wait("more writes of the other guest", 30, () => system.Counter("lucky", "data", "writes") > before);
        Assert.True(system.Counter("unlucky", "data", "errors") > 0);
        Assert.Equal(0, system.Counter("lucky", "data", "errors"));
        Assert.Equal(0, system.Domain["restarts"]!.GetValue<int>());
        Resize(scratch.File("good.signal"), 2 << 20);

        system.WaitForEnd(120);
        Assert.Matches("errors: [1-9]", system.Console("unlucky"));
        Assert.Contains("the rest works", system.Console("unlucky"), StringComparison.Ordinal);
        Assert.Contains("the other disk works", system.Console("unlucky"), StringComparison.Ordinal);
        Assert.Contains("verified: ", system.Console("lucky"), StringComparison.Ordinal);
        Assert.Contains("dmesg: clean", system.Console("lucky"), StringComparison.Ordinal);
    }

    [SkippableFact]
    public void A_volatile_overlay_forgets_and_a_kept_one_keeps_what_was_written_while_the_domain_died()
    {
        using var scratch = new Scratch();
        string template = scratch.Image("template.img", Size);
        Tool.Run("mkfs.ext4", "-q", "-O", "metadata_csum", template);
        string templateSum = Sum(template);
        string copy = scratch.Image("copy.img", Size);
        string[] disks = [$"name: kept, template: {template}, overlay: {scratch.File("kept.overlay")}", $"name: thrown, template: {template}", $"name: copy, image: {copy}"];

        // Writes files until the host says that it is enough, by making the last disk larger; each with its checksum.
        const string Write = """
            size() { blockdev --getsize64 /dev/disk/copy; }
            before=$(size)
            for d in kept thrown; do mkdir -p /mnt/$d; mount /dev/disk/$d /mnt/$d; done
            i=0
            while [ $(size) = $before ]; do
              i=$((i % 5 + 1))
              for d in kept thrown; do dd if=/dev/urandom of=/mnt/$d/file$i bs=64K count=$((i * 8)) conv=fsync 2>/dev/null || echo write failed; done
            done
            cd /mnt/kept; sha256sum file* | sed 's/^/sum: /'
            cd /; umount /mnt/kept /mnt/thrown
            dmesg | grep -E 'I/O error|EXT4-fs (error|warning)' || echo dmesg: clean
            """;
        string first;
        using (var system = RunningSystem.Start(scratch, new QubeScript("qube", Write, disks)))
        {
            system.Wait("writes", RunningSystem.BootSeconds, () => system.Counter("qube", "thrown", "writes") > 100);
            for (int kill = 0; kill < 3; kill++)
            {
                system.KillDomain(seconds: 60);
                long before = system.Counter("qube", "kept", "writes");
                system.Wait("more writes", 60, () => system.Counter("qube", "kept", "writes") > before + 20);
            }

            Resize(copy, 2 * Size);
            system.WaitForEnd(90);
            first = system.Console("qube");
        }

        Assert.Contains("dmesg: clean", first, StringComparison.Ordinal);
        Assert.DoesNotContain("write failed", first, StringComparison.Ordinal);
        string[] sums = [.. first.Split('\n').Where(l => l.StartsWith("sum: ", StringComparison.Ordinal)).Select(l => l["sum: ".Length..].Trim())];
        Assert.Equal(5, sums.Length);

        using (var system = RunningSystem.Start(scratch, new QubeScript("qube", """
            mount -o ro /dev/disk/thrown /mnt && echo thrown: $(ls /mnt)
            umount /mnt
            dd if=/dev/disk/kept of=/dev/disk/copy bs=1M oflag=direct 2>/dev/null && echo copied
            """, disks)))
        {
            system.WaitForEnd(RunningSystem.BootSeconds);
            Assert.Contains("thrown: lost+found", system.Console("qube"), StringComparison.Ordinal);
            Assert.Contains("copied", system.Console("qube"), StringComparison.Ordinal);
        }

        Resize(copy, Size);
        FileSystemCheck.CheckImage(scratch, copy, string.Join('\n', sums));
        Assert.Equal(templateSum, Sum(template));
    }

    [SkippableFact]
    public void Partitions_limits_and_read_only_disks_are_what_the_system_file_says()
    {
        using var scratch = new Scratch();
        string disk = scratch.Image("gpt.img", Size);
        Tool.Run("sh", "-c", $"printf 'label: gpt\\nsize=16M\\nsize=20M, name=mine\\n' | PATH=$PATH:/usr/sbin:/sbin sfdisk -q {disk}");
        string fixedImage = RandomImage(scratch, "fixed.img");
        string fixedSum = Sum(fixedImage);
        using var system = RunningSystem.Start(scratch, new QubeScript("qube", """
            echo part: $(blockdev --getsize64 /dev/disk/part)
            tr '\0' x </dev/zero | dd of=/dev/disk/part bs=1M count=20 iflag=fullblock oflag=direct 2>/dev/null && echo part: written
            dd if=/dev/zero of=/dev/disk/fixed bs=4K count=1 2>/dev/null || echo fixed: refused
            start=$(cut -d . -f 1 /proc/uptime)
            dd if=/dev/zero of=/dev/disk/slow bs=4K count=500 oflag=direct 2>/dev/null
            echo slow: $(($(cut -d . -f 1 /proc/uptime) - start)) s
            """,
            $"name: part, image: {disk}, partition: mine",
            $"name: fixed, image: {fixedImage}, read-only: true",
            $"name: slow, image: {scratch.Image("slow.img", Size)}, limits: {{iops: 100, burst: 100}}"));
        system.WaitForEnd(120);
        string console = system.Console("qube");
        Assert.Contains($"part: {20 << 20}", console, StringComparison.Ordinal);
        Assert.Contains("part: written", console, StringComparison.Ordinal);
        Assert.Contains("fixed: refused", console, StringComparison.Ordinal);
        Assert.InRange(int.Parse(SlowSeconds.Match(console).Groups[1].Value, CultureInfo.InvariantCulture), 4, 60);

        Assert.Equal(fixedSum, Sum(fixedImage));
        Assert.Contains("mine", Tool.Run("sfdisk", "-l", "-o", "Name", disk), StringComparison.Ordinal);
        byte[] image = File.ReadAllBytes(disk);

        // A table of partitions is full of random numbers; so many of the letter in a row are what the guest wrote.
        int start = image.AsSpan().IndexOf("xxxxxxxxxxxxxxxx"u8);
        Assert.Equal(20 << 20, image.AsSpan(start).IndexOfAnyExcept((byte)'x'));
        Assert.Equal(17 << 20, start);
    }

    [SkippableFact]
    public void A_guest_that_switched_its_write_cache_off_has_it_off_after_its_domain_died()
    {
        using var scratch = new Scratch();
        const string Script = """
            cat /sys/block/vda/cache_type
            [ -e /dev/disk/off ] && echo 'write through' >/sys/block/vda/cache_type
            while :; do dd if=/dev/zero of=/dev/vda bs=4K count=8 oflag=direct 2>/dev/null; sleep 0.2; done
            """;
        using var system = RunningSystem.Start(scratch,
            new QubeScript("careful", Script, $"name: off, image: {scratch.Image("off.img", Size)}"),
            new QubeScript("careless", Script, $"name: on, image: {scratch.Image("on.img", Size)}"));
        for (int kill = 0; kill < 2; kill++)
        {
            // QEMU says nothing of it to the next domain, whose counters begin at 0.
            system.Wait("writes made stable one by one", RunningSystem.BootSeconds, () => Stable(system, "careful/off") > 0 && system.Counter("careless", "on", "writes") > 0);
            Assert.Equal(0, Stable(system, "careless/on"));
            system.KillDomain(seconds: 60);
        }

        long written = system.Counter("careless", "on", "writes");
        system.Wait("writes after the last death", 60, () => Stable(system, "careful/off") > 0 && system.Counter("careless", "on", "writes") > written);
        Assert.Equal(0, Stable(system, "careless/on"));
        Assert.Contains("write back", system.Console("careful"), StringComparison.Ordinal);
        system.Makatea("down", "--now");
        system.WaitForEnd(30);
    }

    private static double Stable(RunningSystem system, string device) => system.Domain["metrics"]!.AsArray()
        .Where(m => m!["name"]!.GetValue<string>() == "stable_writes" && m["tags"]!["device"]!.GetValue<string>() == device)
        .Sum(m => m!["value"]!.GetValue<double>());

    private static string RandomImage(Scratch scratch, string name)
    {
        string path = scratch.File(name);
        byte[] content = new byte[Size];
        new Random(3).NextBytes(content);
        File.WriteAllBytes(path, content);
        return path;
    }

    private static void Resize(string path, long size) => Tool.Run("truncate", "-s", $"{size}", path);

    private static string Sum(string path) => Tool.Run("sha256sum", path);
}
