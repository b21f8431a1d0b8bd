using System.Text;
using System.Text.Json.Nodes;
using Makatea.Systems;

namespace Makatea.Tests.Systems;

public sealed class JsonSchemaTests : IDisposable
{
    private const string Complete = """
        {
          "name": "office",
          "x-mine": [1, {"a": null}],
          "memory": "1G",
          "domains": {"storage": {"kind": "storage", "memory": "64M", "sel4": {"threads": 9, "program": "p"}}, "other": null,
            "net": {"kind": "net", "uplink": {"e1000": "emulated", "wire": "tap:mk0", "address": "192.168.1.7/24", "gateway": "192.168.1.1", "address6": "fd00::7/64", "gateway6": "fe80::1", "dns": ["192.168.1.1"]}},
            "wall": {"kind": "net", "uplink": {"netvm": "net"}}},
          "components": {
            "client": {
              "program": "p", "layer": "linux", "memory": "32M", "threads": 8, "waiters": 2, "priority": 20, "budget": "300us", "period": "5ms", "restart": true,
              "start": false, "management": true, "args": ["a", 1], "env": {"A_B": "c"}, "files": {"x.json": "f"}, "regions": {"shared": "write"}, "rings": ["kick"], "hears": ["call"],
              "disks": [{"name": "data", "image": "nvme:1", "memory": "1M", "limits": {"iops": 5}}],
              "functions": {"nic": {"address": "0000:00:04.0", "identity": "8086:10d3", "vectors": 3, "allow-unprotected": true}},
              "ports": ["0x60", "0x70-0x71"], "pins": [4], "registers": {"timer": {"address": "0xfed00000", "length": "4K"}}
            },
            "bare": {"program": "p", "layer": "none"}
          },
          "regions": {"shared": "64K"},
          "connections": {"link": {"regions": ["shared"], "doorbells": ["kick"], "disks": ["client/data"]}, "none": null},
          "qubes": {
            "work": {
              "netvm": "wall", "net": {"ip": "10.137.0.40", "ip6": "fd09::1", "mac": "00:16:3e:00:00:01", "mtu": 9000, "queues": 2, "limits": {"bps": "12M", "pps": 1000, "burst": 50}},
              "firewall": ["accept dsthost=example.com proto=tcp dstports=443", "drop"],
              "publish": [{"port": 8080, "to": 80, "proto": "udp"}, {"port": 443}],
              "label": "blue", "memory": "512M", "cores": 2, "kernel": "k", "initrd": "k", "cmdline": "quiet",
              "root": {"template": "t", "overlay": "volatile", "domain": "storage"},
              "disks": [
                {"name": "a", "domain": "storage", "image": "i", "partition": 2, "serial": 42, "queues": 4, "limits": {"iops": 1000, "bps": "50M", "burst": 250}},
                {"name": "b", "domain": "other", "image": "j", "read-only": true, "serial": "x", "limits": null}
              ]
            },
            "play": {"label": "red", "kernel": "k", "netvm": "net"}
          }
        }
        """;

    private static readonly JsonSchemaEvaluator _schema = new(SystemShape.ToJsonSchema());
    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void Takes_all_that_a_system_can_say() => Assert.True(_schema.IsValid(JsonNode.Parse(Complete)));

    [Theory]
    [InlineData("""{}""")]
    [InlineData("""{"qubes": {}}""")]
    [InlineData("""{"components": {}}""")]
    [InlineData("""{"components": {"c": {}}}""")]
    [InlineData("""{"components": {"c": {"program": "p", "budget": "5"}}}""")]
    [InlineData("""{"components": {"c": {"program": "p", "layer": "windows"}}}""")]
    [InlineData("""{"components": {"c": {"program": "p", "regions": {"r": "execute"}}}}""")]
    [InlineData("""{"components": {"c": {"program": "p", "functions": {"f": {}}}}}""")]
    [InlineData("""{"components": {"c": {"program": "p", "ports": ["3f8"]}}}""")]
    [InlineData("""{"components": {"c": {"program": "p", "threads": 0}}}""")]
    [InlineData("""{"qubes": {"9": {"label": "red"}}}""")]
    [InlineData("""{"qubes": {"w": {"label": "grey"}}}""")]
    [InlineData("""{"qubes": {"w": {"label": "red", "memory": 256}}}""")]
    [InlineData("""{"qubes": {"w": {"label": "red", "lable": "red"}}}""")]
    [InlineData("""{"qubes": {"w": {"label": "red", "initrd": "i"}}}""")]
    [InlineData("""{"qubes": {"w": {"label": "red", "root": {}}}}""")]
    [InlineData("""{"qubes": {"w": {"label": "red", "root": {"image": "a", "template": "b"}}}}""")]
    [InlineData("""{"qubes": {"w": {"label": "red", "disks": [{"image": "a"}]}}}""")]
    [InlineData("""{"qubes": {"w": {"label": "red", "net": {}}}}""")]
    [InlineData("""{"qubes": {"w": {"label": "red", "netvm": "n", "net": {"mac": "00:16:3E:00:00:01"}}}}""")]
    [InlineData("""{"qubes": {"w": {"label": "red", "netvm": "n", "publish": [{"to": 80}]}}}""")]
    [InlineData("""{"qubes": {"w": {"label": "red"}}, "domains": {"n": {"kind": "net", "uplink": {}}}}""")]
    [InlineData("""{"qubes": {"w": {"label": "red"}}, "domains": {"n": {"kind": "net", "uplink": {"tap": "a", "netvm": "b"}}}}""")]
    public void Refuses_what_is_no_system(string json) => Assert.False(_schema.IsValid(JsonNode.Parse(json)));

    [Fact]
    public void Says_which_draft_it_is() => Assert.Equal("https://json-schema.org/draft/2020-12/schema", SystemShape.ToJsonSchema()["$schema"]!.GetValue<string>());

    /// <summary>JSON is YAML: whatever we do to a system, the reader finds its structure wrong where the schema does, and nowhere else.</summary>
    [Fact]
    public void Reader_and_schema_agree_on_every_change_of_a_system()
    {
        var random = new Random(20);
        int valid = 0;
        const int Rounds = 2000;
        for (int round = 0; round < Rounds; round++)
        {
            JsonNode? document = JsonNode.Parse(Complete);
            for (int changes = random.Next(1, 4); changes > 0; changes--)
            {
                document = Change(document, random);
            }

            string json = document?.ToJsonString() ?? "null";
            bool isValid = _schema.IsValid(document);
            valid += isValid ? 1 : 0;
            string[] structure = StructureErrors(json);
            Assert.True(isValid == (structure.Length == 0), $"round {round}: the schema says {isValid}, the reader {(structure.Length == 0 ? "no error" : structure[0])}: {json}");
        }

        Assert.InRange(valid, Rounds / 20, Rounds - (Rounds / 20)); // both kinds were tried
    }

    private string[] StructureErrors(string json)
    {
        try
        {
            SystemFile.Parse(Encoding.UTF8.GetBytes(json), "demo.yaml", new PathExpansion(_directory.Path, _ => null));
            return [];
        }
        catch (SystemFileException e)
        {
            return [.. e.Errors.Where(x => x.Kind != SystemFileErrorKind.Meaning).Select(x => x.Message)];
        }
    }

    private static JsonNode? Change(JsonNode? document, Random random)
    {
        var places = new List<JsonNode>();
        Collect(document, places);
        if (places.Count == 0)
        {
            return document;
        }

        switch (places[random.Next(places.Count)])
        {
            case JsonObject map:
                string key = map.Count == 0 ? "" : map.ElementAt(random.Next(map.Count)).Key;
                switch (random.Next(4))
                {
                    case 0:
                        map.Remove(key);
                        break;
                    case 1 when map[key] is var old && map.Remove(key):
                        map[AnyKey(random)] = old?.DeepClone();
                        break;
                    case 2:
                        map[AnyKey(random)] = AnyValue(random);
                        break;
                    default:
                        map[key] = AnyValue(random);
                        break;
                }

                break;
            case JsonArray list when list.Count == 0 || random.Next(2) == 0:
                list.Add(AnyValue(random));
                break;
            case JsonArray list:
                list.Insert(0, list[random.Next(list.Count)]?.DeepClone());
                break;
        }

        return document;
    }

    private static void Collect(JsonNode? node, List<JsonNode> places)
    {
        if (node is JsonObject or JsonArray)
        {
            places.Add(node);
            foreach (JsonNode? child in node is JsonObject map ? map.Select(p => p.Value) : node.AsArray())
            {
                Collect(child, places);
            }
        }
    }

    private static string AnyKey(Random random)
    {
        string[] keys = ["name", "domains", "qubes", "label", "memory", "cores", "kernel", "initrd", "cmdline", "root", "disks", "image", "template", "overlay", "read-only",
            "partition", "serial", "queues", "limits", "iops", "bps", "burst", "kind", "domain", "netvm", "net", "uplink", "tap", "e1000", "ip", "mac", "publish", "firewall", "port", "x-a", "y", "", "9", "a b", "null", "true", "<", new string('n', 40)];
        return keys[random.Next(keys.Length)];
    }

    private static JsonNode? AnyValue(Random random) => random.Next(24) switch
    {
        0 => null,
        1 => true,
        2 => false,
        3 => 0,
        4 => 1,
        5 => 100,
        6 => -1,
        7 => 1L << 50,
        8 => 1.5,
        9 => "",
        10 => "red",
        11 => "64M",
        12 => "1.5GiB",
        13 => "64MB",
        14 => "64M\n",
        15 => "null",
        16 => "true",
        17 => "a b",
        18 => new JsonArray(),
        19 => new JsonObject(),
        20 => new JsonObject { ["label"] = "red" },
        21 => new JsonObject { ["name"] = "a", ["image"] = "i" },
        22 => new JsonArray(new JsonObject { ["name"] = "a", ["template"] = "i" }),
        _ => new string('s', random.Next(40)),
    };
}
