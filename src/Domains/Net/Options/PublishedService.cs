using System.Globalization;

namespace Makatea.Domains.Net;

/// <summary>A port of the uplink's address that leads to a client, as <c>tcp:8080:80</c>.</summary>
/// <param name="IsUdp">It is a UDP port, not a TCP port.</param>
/// <param name="Port">The port of the uplink's address.</param>
/// <param name="To">The port of the client.</param>
public readonly record struct PublishedService(bool IsUdp, ushort Port, ushort To)
{
    /// <summary>Reads it.</summary>
    public static bool TryParse(string text, out PublishedService service)
    {
        service = default;
        string[] parts = text.Split(':');
        if (parts.Length != 3 || parts[0] is not ("tcp" or "udp") || !TryPort(parts[1], out ushort port) || !TryPort(parts[2], out ushort to))
        {
            return false;
        }

        service = new(parts[0] == "udp", port, to);
        return true;
    }

    /// <inheritdoc/>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{(IsUdp ? "udp" : "tcp")}:{Port}:{To}");

    private static bool TryPort(string text, out ushort port) => ushort.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out port) && port != 0;
}
