namespace Makatea.NetStack;

/// <summary>What the forwarding thread counted at a port. Written by that thread alone; others read numbers that may be a batch old.</summary>
public struct PortCounters
{
    /// <summary>Frames that came in at the port.</summary>
    public ulong ReceivedFrames;

    /// <summary>Their bytes.</summary>
    public ulong ReceivedBytes;

    /// <summary>Frames that were handed to the port to be sent.</summary>
    public ulong SentFrames;

    /// <summary>Their bytes.</summary>
    public ulong SentBytes;

    /// <summary>Frames that came in damaged, or too short or too long for a frame.</summary>
    public ulong ReceiveErrors;

    /// <summary>Frames for the port that were dropped because its queue was full.</summary>
    public ulong QueueFull;

    /// <summary>Frames for the port that could not be made into what it carries: malformed where work on them was left to do, too long, of too many pieces, or there was no buffer for what they are cut into.</summary>
    public ulong SendErrors;
}
