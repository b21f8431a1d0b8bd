namespace Makatea.NetStack;

/// <summary>Bytes that were given to send and are not acknowledged yet: a ring, addressed by sequence number.</summary>
/// <param name="ring">Its memory; a power of two.</param>
/// <param name="start">Sequence number of the first byte.</param>
internal sealed class TcpSendBuffer(byte[] ring, uint start)
{
    internal byte[] Ring => ring;

    /// <summary>Sequence number of the first byte that is kept.</summary>
    internal uint Start { get; private set; } = start;

    /// <summary>Sequence number behind the last.</summary>
    internal uint End { get; private set; } = start;

    internal int Free => ring.Length - (int)(End - Start);

    /// <summary>Adds bytes, as many as <see cref="Free"/>.</summary>
    internal void Add(ReadOnlySpan<byte> bytes)
    {
        int at = (int)(End & (uint)(ring.Length - 1));
        int first = Math.Min(bytes.Length, ring.Length - at);
        bytes[..first].CopyTo(ring.AsSpan(at));
        bytes[first..].CopyTo(ring);
        End += (uint)bytes.Length;
    }

    /// <summary>Copies bytes that are kept.</summary>
    internal void Read(uint sequence, Span<byte> bytes)
    {
        int at = (int)(sequence & (uint)(ring.Length - 1));
        int first = Math.Min(bytes.Length, ring.Length - at);
        ring.AsSpan(at, first).CopyTo(bytes);
        ring.AsSpan(0, bytes.Length - first).CopyTo(bytes[first..]);
    }

    /// <summary>Lets go of what was acknowledged.</summary>
    internal void Release(uint upTo) => Start = TcpSequence.Earlier(TcpSequence.Later(Start, upTo), End);
}
