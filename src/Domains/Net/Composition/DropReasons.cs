using System.Text;
using Makatea.NetStack;

namespace Makatea.Domains.Net;

/// <summary>Names of the reasons for which routers drop packets, as metrics have them: <c>spoofed-mac</c>.</summary>
internal static class DropReasons
{
    /// <summary>All of them.</summary>
    public static IReadOnlyList<(DropReason Reason, string Name)> All { get; } = [.. Enum.GetValues<DropReason>().Where(r => r != DropReason.None).Select(r => (r, NameOf(r)))];

    private static string NameOf(DropReason reason)
    {
        var name = new StringBuilder();
        string words = reason.ToString().Replace("IPv", "Ipv", StringComparison.Ordinal);
        foreach (char c in words)
        {
            if (char.IsUpper(c) && name.Length != 0)
            {
                name.Append('-');
            }

            name.Append(char.ToLowerInvariant(c));
        }

        return name.ToString();
    }
}
