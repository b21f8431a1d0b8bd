namespace Makatea.NetStack;

/// <summary>Asks a server over TCP ([RFC 7766]).</summary>
public interface IDnsStreams
{
    /// <summary>Sends one query and gives the response.</summary>
    /// <param name="server">Whom to ask.</param>
    /// <param name="query">The message, without its length.</param>
    /// <param name="done">Is called once, later, on the forwarding thread: the message that came back, or null where none did in time.</param>
    void Ask(IpAddress server, ReadOnlyMemory<byte> query, Action<byte[]?> done);
}
