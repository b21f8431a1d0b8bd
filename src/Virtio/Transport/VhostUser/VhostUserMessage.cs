using System.Runtime.InteropServices;
using Makatea.Platform;

namespace Makatea.Virtio;

/// <summary>
/// A message from the front end, whole: header, payload, and the grants that came with it. One is reused for the whole session.
/// What a handler does not take of the grants is given up with <see cref="Clear"/>.
/// </summary>
internal sealed class VhostUserMessage
{
    /// <summary>Longest payload accepted, in bytes; the longest that the protocol defines for us is 268.</summary>
    public const int MaxPayload = 4096;

    private readonly byte[] _payload = new byte[MaxPayload];

    /// <summary>The header.</summary>
    public VhostUserHeader Header { get; set; }

    /// <summary>Grants that nobody took yet.</summary>
    public List<Grant> Grants { get; } = new(MessageChannel.MaxGrants);

    /// <summary>The payload.</summary>
    public Span<byte> Payload => _payload.AsSpan(0, (int)Header.Size);

    /// <summary>Type of the request.</summary>
    public VhostUserRequest Request => (VhostUserRequest)Header.Request;

    /// <summary>The front end waits for a reply.</summary>
    public bool NeedsReply => (Header.Flags & VhostUserHeader.NeedReply) != 0;

    /// <summary>Name or number of the request, for errors.</summary>
    public string Name => VhostUserRequestTable.NameOf(Header.Request);

    /// <summary>Reads a structure from the payload, whose length was checked.</summary>
    public T Read<T>(int offset = 0)
        where T : unmanaged => MemoryMarshal.Read<T>(Payload[offset..]);

    /// <summary>Takes over the next grant.</summary>
    public Grant TakeGrant()
    {
        Grant grant = Grants[0];
        Grants.RemoveAt(0);
        return grant;
    }

    /// <summary>Gives up the grants that nobody took.</summary>
    public void Clear()
    {
        foreach (Grant grant in Grants)
        {
            grant.Dispose();
        }

        Grants.Clear();
    }
}
