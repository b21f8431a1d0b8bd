using System.Globalization;
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

    /// <summary>
    /// It dies three times while pages are on their way, and the root task starts it again: with the same clients, the connections that its memory holds, and an adapter that was in the middle of something. The storage
    /// domain beside it notices nothing.
    /// </summary>
    [SkippableFact]
    public void Pages_outlive_a_net_domain_that_crashes()
    {
        const int Many = 40;
        using Scratch scratch = new();
        using var server = new PageServer(1_000_000, seed: 9);
        string crashing = $"sel4: {{program: {Repository.File("tests/Images/CrashingNet")}}}";
        string console = Run(scratch, Sel4Boot.Client("[write, 5, 64, 20]") + Guest(server, "guest", "", Many), c => Done().IsMatch(c) && c.Contains("client: done: ", StringComparison.Ordinal), crashing);
        Match done = Done().Match(console);
        Assert.True(done.Success, console);

        // One that dies again before the client came back is none that it knows of.
        Assert.InRange(int.Parse(done.Groups["deaths"].Value, CultureInfo.InvariantCulture), 1, 3);
        Assert.Contains("makatea: net: started again, start 4", console, StringComparison.Ordinal);
        Assert.Equal(3, SignalledEnd().Count(console));
        Match[] pages = [.. Page().Matches(console).Cast<Match>()];
        Assert.True(pages.Length == Many, console);
        Assert.All(pages, p => Assert.Equal(("200", "1000000", server.Check), (p.Groups["status"].Value, p.Groups["length"].Value, p.Groups["check"].Value)));
        Assert.Contains("client: done: ", console, StringComparison.Ordinal);
        Assert.DoesNotContain("makatea: storage: started again", console, StringComparison.Ordinal);
    }

    private static string Run(Scratch scratch, string components, Func<string, bool> isDone, string more = "") => Sel4Boot.Run(
        scratch,
        Sel4Boot.Storage($"\n  net: {{kind: net, memory: 64M, uplink: {{e1000: emulated}}{(more.Length == 0 ? "" : $", {more}")}}}") + components,
        "user",
        c => isDone(c) || Failed().IsMatch(c) || (more.Length == 0 && SignalledEnd().IsMatch(c)),
        Patience);

    private static string Guest(PageServer server, string name, string more, int pages = Pages) => $$"""
          {{name}}:
            program: {{Repository.File("src/Sel4/Programs/NetClient")}}
            args: [10.0.2.2, {{server.Port}}, {{PageServer.Path}}, {{pages}}]
            netvm: net
            {{more}}
        """ + "\n";

    [GeneratedRegex(@"^guest: an echo from 10\.0\.2\.2 after [0-9.]+ ms", RegexOptions.Multiline)]
    private static partial Regex EchoCame();

    [GeneratedRegex(@"^guest: page \d+: status (?<status>\d+), (?<length>\d+) bytes, check (?<check>[0-9a-f]{16}), \d+ domains died", RegexOptions.Multiline)]
    private static partial Regex Page();

    [GeneratedRegex(@"^guest: done: \d+ pages, (?<deaths>\d+) domains died", RegexOptions.Multiline)]
    private static partial Regex Done();

    [GeneratedRegex(@"^(client|guest): failed|^makatea: (storage|client|guest): (ended (by|with)|left)|^makatea: net: left", RegexOptions.Multiline)]
    private static partial Regex Failed();

    [GeneratedRegex(@"^makatea: net: ended by signal \d+", RegexOptions.Multiline)]
    private static partial Regex SignalledEnd();
}
