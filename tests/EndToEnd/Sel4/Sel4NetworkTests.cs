using System.Text.RegularExpressions;

namespace Makatea.EndToEnd.Sel4;

/// <summary>
/// A net domain on the seL4 kernel, in QEMU: it drives the 82574L behind VT-d for a client that has the driver side of virtio-net and a TCP of its own, beside a storage domain and its client. The web server is on
/// the host's side of the wire.
/// </summary>
[Trait("Category", "Device")]
public sealed partial class Sel4NetworkTests
{
    private const int Patience = 180;
    private const int Pages = 3;

    [SkippableFact]
    public void A_client_gets_an_address_an_echo_and_a_page_beside_the_storage_domain()
    {
        using Scratch scratch = new();
        using var server = new PageServer(1_000_000, seed: 7);
        string console = Run(scratch, Sel4Boot.Client("[write, 5, 64, 5]") + Guest(server, "guest", ""), c => Done().IsMatch(c) && c.Contains("client: done: ", StringComparison.Ordinal));
        Assert.Contains("guest: 00:16:3e:5e:6c:11 has the address 10.137.0.17 from 10.137.0.1", console, StringComparison.Ordinal);
        Assert.Matches(EchoCame(), console);
        Match[] pages = [.. Page().Matches(console).Cast<Match>()];
        Assert.True(pages.Length == Pages, console);
        Assert.All(pages, p => Assert.Equal(("200", "1000000", server.Check), (p.Groups["status"].Value, p.Groups["length"].Value, p.Groups["check"].Value)));
        Assert.Equal(Pages, server.Served);
        Assert.True(console.Contains("client: done: ", StringComparison.Ordinal), console);
        Assert.DoesNotContain("started again", console, StringComparison.Ordinal);
    }

    /// <summary>The same image as everybody's, but for one rule: the page is not to be had, and the server is never asked.</summary>
    [SkippableFact]
    public void A_client_reaches_what_its_firewall_accepts_and_nothing_else()
    {
        using Scratch scratch = new();
        using var server = new PageServer(1000, seed: 8);
        string console = Run(scratch, Guest(server, "guest", "firewall: [accept proto=icmp]"), c => c.Contains("guest: failed: ", StringComparison.Ordinal) || Done().IsMatch(c));
        Assert.Matches(EchoCame(), console);
        Assert.Contains("guest: failed: ", console, StringComparison.Ordinal);
        Assert.Equal(0, server.Served);
    }

    private static string Run(Scratch scratch, string components, Func<string, bool> isDone) => Sel4Boot.Run(
        scratch,
        Sel4Boot.Storage("\n  net: {kind: net, memory: 64M, uplink: {e1000: emulated}}") + components,
        "user",
        c => isDone(c) || Failed().IsMatch(c),
        Patience);

    private static string Guest(PageServer server, string name, string more) => $$"""
          {{name}}:
            program: {{Repository.File("src/Sel4/Programs/NetClient")}}
            args: [10.0.2.2, {{server.Port}}, {{PageServer.Path}}, {{Pages}}]
            netvm: net
            {{more}}
        """ + "\n";

    [GeneratedRegex(@"^guest: an echo from 10\.0\.2\.2 after [0-9.]+ ms", RegexOptions.Multiline)]
    private static partial Regex EchoCame();

    [GeneratedRegex(@"^guest: page \d+: status (?<status>\d+), (?<length>\d+) bytes, check (?<check>[0-9a-f]{16}), 0 domains died", RegexOptions.Multiline)]
    private static partial Regex Page();

    [GeneratedRegex(@"^guest: done: \d+ pages", RegexOptions.Multiline)]
    private static partial Regex Done();

    [GeneratedRegex(@"^(client|guest): failed|^makatea: (storage|net|client|guest): (ended (by|with)|left)", RegexOptions.Multiline)]
    private static partial Regex Failed();
}
