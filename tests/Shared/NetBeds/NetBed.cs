using System.Diagnostics;
using System.Globalization;
using Makatea.Platform.Linux;

namespace Makatea.Tests.Net;

/// <summary>A network namespace of a test's own, in which the kernel is the peer.</summary>
internal sealed class NetBed : IDisposable
{
    private static int _made;

    private NetBed()
    {
        Name = $"mkt-{Environment.ProcessId}-{Interlocked.Increment(ref _made)}";
        Ip("netns", "add", Name);
        Ip("-n", Name, "link", "set", "lo", "up");
    }

    internal string Name { get; }

    internal static NetBed Create()
    {
        Skip.IfNot(Environment.IsPrivilegedProcess, "network namespaces are made by root: run the tests as root");
        Skip.IfNot(File.Exists("/usr/sbin/ip") || File.Exists("/usr/bin/ip") || File.Exists("/sbin/ip"), "there is no 'ip': apt-get install iproute2");
        return new NetBed();
    }

    internal static void RequireTap() => Skip.IfNot(File.Exists("/dev/net/tun"), "there are no TAP devices: modprobe tun");

    internal static void Require(string program, string package) =>
        Skip.If(!new[] { "/usr/bin", "/usr/sbin", "/bin", "/sbin" }.Any(f => File.Exists(Path.Combine(f, program))), $"there is no '{program}': apt-get install {package}");

    internal static string Ip(params string[] arguments) => Run("ip", arguments);

    /// <summary>Runs a program in the namespace.</summary>
    internal string Exec(string program, params string[] arguments) => Run("ip", ["netns", "exec", Name, program, .. arguments]);

    /// <summary>Starts a program in the namespace.</summary>
    internal Process Start(string program, params string[] arguments) =>
        Process.Start(new ProcessStartInfo("ip", ["netns", "exec", Name, program, .. arguments]) { RedirectStandardOutput = true, RedirectStandardError = true })!;

    /// <summary>What the namespace's kernel received with a wrong checksum, header or length so far.</summary>
    internal int DamagedPackets()
    {
        // Two lines a protocol, names above values; for IPv6 a line a counter.
        string[] lines = [.. Exec("cat", "/proc/net/snmp", "/proc/net/netstat").Split('\n', StringSplitOptions.RemoveEmptyEntries)];
        IEnumerable<(string Name, string Value)> counters = lines.Chunk(2).SelectMany(pair => pair[0].Split(' ').Zip(pair[1].Split(' ')));
        IEnumerable<(string Name, string Value)> counters6 = Exec("cat", "/proc/net/snmp6").Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Select(line => line.Split([' ', '\t'], StringSplitOptions.RemoveEmptyEntries)).Select(parts => (parts[0], parts[1]));
        return counters.Concat(counters6)
            .Where(c => c.Name.EndsWith("InCsumErrors", StringComparison.Ordinal) || c.Name.EndsWith("InHdrErrors", StringComparison.Ordinal)
                || c.Name.EndsWith("InTruncatedPkts", StringComparison.Ordinal) || c.Name == "InErrs")
            .Sum(c => int.Parse(c.Value, CultureInfo.InvariantCulture));
    }

    internal T In<T>(Func<T> open) => NetworkNamespace.Run(Name, open);

    /// <summary>Gives an interface addresses and switches it on.</summary>
    internal void Up(string name, params string[] addresses)
    {
        foreach (string address in addresses)
        {
            Ip(["-n", Name, "addr", "add", address, "dev", name, .. address.Contains(':') ? new[] { "nodad" } : []]);
        }

        Ip("-n", Name, "link", "set", "dev", name, "up");
    }

    /// <summary>Switches an interface on that the kernel is to leave alone.</summary>
    internal void UpBare(string name)
    {
        Ip("-n", Name, "link", "set", "dev", name, "addrgenmode", "none");
        Ip("-n", Name, "link", "set", "dev", name, "up");
    }

    /// <summary>Makes a veth pair between two namespaces.</summary>
    internal void Veth(string name, NetBed other, string otherName) => Ip("link", "add", name, "netns", Name, "type", "veth", "peer", "name", otherName, "netns", other.Name);

    public void Dispose() => Run("ip", "netns", "del", Name);

    private static string Run(string program, params string[] arguments)
    {
        using Process process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        Task<string> error = process.StandardError.ReadToEndAsync();
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        if (!process.WaitForExit(TimeSpan.FromSeconds(60)))
        {
            process.Kill(entireProcessTree: true);
            Assert.Fail($"{program} {string.Join(' ', arguments)} did not end");
        }

        Assert.True(process.ExitCode == 0, $"{program} {string.Join(' ', arguments)} ended with {process.ExitCode}: {output.Result}{error.Result}");
        return output.Result;
    }
}
