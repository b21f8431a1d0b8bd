using System.Diagnostics;
using System.Text;
using Makatea.Systems;

namespace Makatea.Tests.Systems;

public class YamlFuzzTests
{
    private const string Seed = """
        # a system
        name: office
        x-d: &d {domain: storage, limits: {iops: 10, bps: "1M"}}
        domains: {storage: {kind: storage, memory: 64M}, other: ~}
        qubes:
          work: &w
            label: blue
            cmdline: >-
              console=ttyS0
              quiet
            root: {<<: *d, template: t.img, overlay: 'volatile'}
            disks:
              - {name: a, <<: [*d, *d], image: "i\t.img"}
              - name: b
                image: |
                  x
          play: {<<: *w, label: red}
        """;

    private static void Parse(byte[] yaml)
    {
        try
        {
            SystemFile.Parse(yaml, "fuzz.yaml", new PathExpansion("/nonexistent", _ => null));
        }
        catch (SystemFileException e)
        {
            Assert.NotEmpty(e.Errors);
            Assert.All(e.Errors, x => Assert.True(x.Mark.Line >= 1 && x.Mark.Column >= 1));
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void Any_change_of_a_file_is_read_or_refused(int seed)
    {
        var random = new Random(seed);
        byte[] original = Encoding.UTF8.GetBytes(Seed);
        byte[] spice = "{}[]:,-?&*!|>'\"%@`#\\ \n\t<~.0a\u0000\u0007"u8.ToArray();
        for (int round = 0; round < 5000; round++)
        {
            List<byte> bytes = [.. original];
            for (int changes = random.Next(1, 8); changes > 0 && bytes.Count > 0; changes--)
            {
                int at = random.Next(bytes.Count);
                switch (random.Next(5))
                {
                    case 0:
                        bytes.RemoveRange(at, Math.Min(random.Next(1, 30), bytes.Count - at));
                        break;
                    case 1:
                        bytes[at] = (byte)random.Next(256);
                        break;
                    case 2:
                        bytes.InsertRange(at, bytes.GetRange(at, Math.Min(random.Next(1, 60), bytes.Count - at)));
                        break;
                    default:
                        bytes.Insert(at, spice[random.Next(spice.Length)]);
                        break;
                }
            }

            Parse([.. bytes]);
        }
    }

    [Fact]
    public void Random_bytes_are_refused()
    {
        var random = new Random(3);
        for (int round = 0; round < 2000; round++)
        {
            byte[] bytes = new byte[random.Next(200)];
            random.NextBytes(bytes);
            Parse(bytes);
        }
    }

    public static TheoryData<string> Hostile => new()
    {
        new string('[', 500_000),
        new string('{', 500_000),
        string.Concat(Enumerable.Repeat("- ", 300_000)),
        string.Concat(Enumerable.Repeat("? ", 300_000)),
        string.Concat(Enumerable.Repeat("a:\n", 1)) + string.Concat(Enumerable.Range(0, 1000).Select(i => new string(' ', i) + "a:\n")),
        "qubes: " + new string('a', 900_000),
        new string('a', (1 << 20) + 1),
        "a: &a [x,x,x,x,x,x,x,x,x]\n" + string.Concat(Enumerable.Range(1, 20).Select(i => $"{(char)('a' + i)}: &{(char)('a' + i)} [{string.Join(',', Enumerable.Repeat($"*{(char)('a' + i - 1)}", 9))}]\n")),
        "x-a: &a {b: c}\nqubes: {" + string.Concat(Enumerable.Range(0, 50_000).Select(i => $"a{i}: *a, ")) + "}",
        "qubes: &q {<<: *q}",
        "%YAML 9.9\n---\nqubes: {}",
        "\uFEFFqubes: {}",
    };

    [Theory]
    [MemberData(nameof(Hostile))]
    public void Files_made_to_hurt_are_refused_in_time(string yaml)
    {
        var watch = Stopwatch.StartNew();
        Assert.ThrowsAny<SystemFileException>(() => SystemFile.Parse(Encoding.UTF8.GetBytes(yaml), "fuzz.yaml", new PathExpansion("/nonexistent", _ => null)));
        Assert.True(watch.Elapsed < TimeSpan.FromSeconds(10), $"took {watch.Elapsed}");
    }

    [Fact]
    public void Bytes_that_are_no_UTF8_are_named_by_their_place()
    {
        var e = Assert.Throws<SystemFileException>(() => SystemFile.Parse([.. "name: a\nq: "u8, 0xFF], "fuzz.yaml", new PathExpansion("/", _ => null)));
        Assert.Equal("fuzz.yaml:2:4: error: found bytes that are no UTF-8, expected text in UTF-8", e.Message);
    }
}
