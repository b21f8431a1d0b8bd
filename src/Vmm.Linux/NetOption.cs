using System.CommandLine.Parsing;
using Makatea.Platform;
using Makatea.Platform.Linux;

namespace Makatea.Vmm.Linux;

/// <summary>A network interface on the command line.</summary>
/// <param name="Socket">Path of the socket on which its back end is found.</param>
/// <param name="Address">Its Ethernet address.</param>
/// <param name="IsServer">The back end connects to us.</param>
internal sealed record NetOption(string Socket, MacAddress Address, bool IsServer)
{
    /// <summary>What it looks like.</summary>
    public const string Form = "SOCKET,mac=52:54:00:12:34:56[,server=on]";

    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(30);

    /// <summary>Parses each value of an option.</summary>
    public static NetOption[] ParseAll(ArgumentResult result)
    {
        List<NetOption> nets = [];
        foreach (string text in result.Tokens.Select(t => t.Value))
        {
            if (TryParse(text) is { } net)
            {
                nets.Add(net);
            }
            else
            {
                result.AddError($"found --net {text}, expected {Form}, the address being that of one station");
            }
        }

        return [.. nets];
    }

    /// <summary>Connects it to its back end, or waits until that connects.</summary>
    /// <exception cref="IOException">There is none.</exception>
    public MessageChannel Connect()
    {
        if (!IsServer)
        {
            return UnixMessageChannel.Connect(Socket);
        }

        using UnixChannelListener listener = UnixChannelListener.Bind(Socket);
        using var patience = new Timer(_ => listener.Close(), null, _patience, Timeout.InfiniteTimeSpan);
        return listener.Accept() ?? throw new IOException($"no back end connected to {Socket} within {_patience.TotalSeconds:0} s");
    }

    private static NetOption? TryParse(string text)
    {
        string[] parts = text.Split(',');
        MacAddress? address = null;
        bool isServer = false;
        foreach (string part in parts.AsSpan(1))
        {
            if (part.StartsWith("mac=", StringComparison.Ordinal) && MacAddress.TryParse(part[4..], out MacAddress found) && !found.IsMulticast && found.Value != 0)
            {
                address = found;
            }
            else if (part is "server=on" or "server=off")
            {
                isServer = part == "server=on";
            }
            else
            {
                return null;
            }
        }

        return parts[0].Length != 0 && address is { } mac ? new(parts[0], mac, isServer) : null;
    }
}
