using System.Runtime.InteropServices;
using Makatea.Platform;

namespace Makatea.Virtio;

/// <summary>What a handler answers.</summary>
internal readonly struct VhostUserReply
{
    private VhostUserReply(byte[]? payload, Grant? grant, string? refusal)
    {
        Payload = payload;
        Grant = grant;
        Refusal = refusal;
    }

    /// <summary>Done; acknowledged with 0 if the front end asked for a reply, otherwise in silence.</summary>
    public static VhostUserReply Done => default;

    /// <summary>The payload of a request that is always answered; null otherwise.</summary>
    public byte[]? Payload { get; }

    /// <summary>Sent with the payload and disposed then.</summary>
    public Grant? Grant { get; }

    /// <summary>Why the request was refused, with nothing changed; null if it was not.</summary>
    public string? Refusal { get; }

    /// <summary>
    /// Refused with nothing changed: a front end that asked for a reply learns it and goes on; one that did not
    /// would take it as done, so its connection ends.
    /// </summary>
    public static VhostUserReply Refused(string reason) => new(null, null, reason);

    /// <summary>Answers with bytes.</summary>
    public static VhostUserReply With(byte[] payload, Grant? grant = null) => new(payload, grant, null);

    /// <summary>Answers with a structure.</summary>
    public static VhostUserReply With<T>(T payload)
        where T : unmanaged => new(MemoryMarshal.AsBytes(new ReadOnlySpan<T>(in payload)).ToArray(), null, null);
}
