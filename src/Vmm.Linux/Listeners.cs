using System.Globalization;
using Makatea.Platform;
using Makatea.Platform.Linux;

namespace Makatea.Vmm.Linux;

/// <summary>Sockets that the command line names.</summary>
internal static class Listeners
{
    private const string Inherited = "fd:";

    /// <summary>Opens one.</summary>
    /// <param name="socket">A path to listen at, or <c>fd:N</c> for a descriptor that was inherited: a socket that listens, or one that is connected and all that comes.</param>
    /// <exception cref="IOException">It cannot be.</exception>
    /// <exception cref="GrantException">The descriptor is none.</exception>
    public static ChannelListener Open(string socket)
    {
        if (!socket.StartsWith(Inherited, StringComparison.Ordinal))
        {
            return UnixChannelListener.Bind(socket);
        }

        return int.TryParse(socket.AsSpan(Inherited.Length), NumberStyles.None, CultureInfo.InvariantCulture, out int descriptor)
            ? LinuxGrant.Adopt(descriptor).OpenListener()
            : throw new GrantException($"found '{socket}', expected a path, or '{Inherited}' and the number of a descriptor");
    }
}
