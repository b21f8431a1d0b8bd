namespace Makatea.SandboxProbe;

/// <summary>What the test made for the probe to reach for: arguments of the form <c>name=value</c>.</summary>
internal sealed class Targets(string[] arguments)
{
    private readonly Dictionary<string, string> _values = arguments.Select(a => a.Split('=', 2)).ToDictionary(a => a[0], a => a[1]);

    /// <summary>A file of the test.</summary>
    public string Secret => _values["secret"];

    /// <summary>A file of the test that may go.</summary>
    public string Removable => _values["removable"];

    /// <summary>Inode number of a file that the test has open without close-on-exec.</summary>
    public ulong LeakedInode => ulong.Parse(_values["leaked"]);

    /// <summary>Slot in which the same file was granted for reading, if it was.</summary>
    public int? ReadOnlySlot => _values.TryGetValue("slot", out string? slot) ? int.Parse(slot) : null;

    /// <summary>A process of the test.</summary>
    public int Victim => int.Parse(_values["victim"]);

    /// <summary>The process that started the probe.</summary>
    public int Parent => int.Parse(_values["parent"]);

    /// <summary>A TCP port that listens on loopback.</summary>
    public int Port => int.Parse(_values["port"]);

    /// <summary>A UNIX socket that listens, by path.</summary>
    public string SocketPath => _values["socket"];

    /// <summary>A UNIX socket that listens, in the abstract name space.</summary>
    public string SocketName => _values["name"];

    /// <summary>A directory that everybody may write.</summary>
    public string Writable => _values["writable"];
}
