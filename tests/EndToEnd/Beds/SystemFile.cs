using System.Text;

namespace Makatea.EndToEnd;

/// <summary>A system file of one domain, <c>storage</c>, and qubes that boot our guest.</summary>
internal static class SystemFile
{
    /// <summary>Name of the system.</summary>
    public const string Name = "test";

    /// <summary>Its path.</summary>
    public static string PathIn(Scratch scratch) => scratch.File("test.yaml");

    /// <summary>Writes it.</summary>
    /// <returns>Its path.</returns>
    public static string Write(Scratch scratch, params IEnumerable<QubeScript> qubes) => Write(scratch, "", qubes);

    /// <summary>Writes it.</summary>
    /// <param name="scratch">Where.</param>
    /// <param name="domain">Keys of the domain, such as <c>{memory: 64M}</c>.</param>
    /// <param name="qubes">The qubes.</param>
    /// <returns>Its path.</returns>
    public static string Write(Scratch scratch, string domain, params IEnumerable<QubeScript> qubes)
    {
        var text = new StringBuilder($"name: {Name}\ndomains:\n  storage: {domain}\nqubes:\n");
        foreach (QubeScript qube in qubes)
        {
            text.Append($"""
                  {qube.Name}:
                    label: {qube.Label}
                    memory: 192M
                    kernel: {GuestAssets.Kernel}
                    initrd: {GuestAssets.Initramfs}
                    cmdline: console=ttyS0 panic=-1 no_timer_check quiet run={Convert.ToBase64String(Encoding.UTF8.GetBytes(qube.Script))}
                    disks:

                """);
            foreach (string disk in qube.Disks)
            {
                text.Append($"      - {{{disk}}}\n");
            }
        }

        File.WriteAllText(PathIn(scratch), text.ToString());
        return PathIn(scratch);
    }
}

/// <summary>A qube that runs a script and powers off.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Script">The script; disks are at /dev/disk/NAME. <c>sh</c> is a shell on the console.</param>
/// <param name="Disks">Its disks, as in a system file.</param>
internal sealed record QubeScript(string Name, string Script, params IReadOnlyList<string> Disks)
{
    /// <summary>Its label.</summary>
    public string Label { get; init; } = "red";
}
