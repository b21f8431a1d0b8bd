using System.Collections.Concurrent;
using Makatea.Platform;

namespace Makatea.Virtio.Tests;

/// <summary>One end of an in-memory channel with the manners of a UNIX stream socket: grants arrive with the first byte that they were sent with, and a read stops before the next grants.</summary>
internal sealed class FakeChannel : MessageChannel
{
    private readonly BlockingCollection<Piece> _incoming;
    private readonly BlockingCollection<Piece> _outgoing;
    private Piece? _current;
    private int _position;

    private FakeChannel(BlockingCollection<Piece> incoming, BlockingCollection<Piece> outgoing)
    {
        _incoming = incoming;
        _outgoing = outgoing;
    }

    /// <summary>A grant was made a channel.</summary>
    public bool IsOpened { get; set; }

    public bool IsDisposed { get; private set; }

    /// <summary>The most bytes that one read returns; small values cut messages into pieces.</summary>
    public int MaxRead { get; init; } = int.MaxValue;

    /// <summary>Sends fail, as to a peer that does not read.</summary>
    public bool FailsToSend { get; set; }

    public static (FakeChannel Ours, FakeChannel Theirs) CreatePair(int maxRead = int.MaxValue)
    {
        BlockingCollection<Piece> there = [];
        BlockingCollection<Piece> back = [];
        return (new FakeChannel(there, back) { MaxRead = maxRead }, new FakeChannel(back, there));
    }

    public override int Receive(Span<byte> buffer, IList<Grant> grants)
    {
        if (_current is null)
        {
            if (!_incoming.TryTake(out _current, Timeout.Infinite))
            {
                return 0;
            }

            _position = 0;
            foreach (Grant grant in _current.Grants)
            {
                grants.Add(grant);
            }
        }

        int count = Math.Min(Math.Min(buffer.Length, MaxRead), _current.Bytes.Length - _position);
        _current.Bytes.AsSpan(_position, count).CopyTo(buffer);
        _position += count;
        _current = _position == _current.Bytes.Length ? null : _current;
        return count;
    }

    public override void Send(ReadOnlySpan<byte> message, ReadOnlySpan<Grant> grants)
    {
        // Copies of the grants, as the kernel's.
        if (FailsToSend || !SendOriginals(message.ToArray(), [.. grants.ToArray().Select(g => new FakeGrant(((FakeGrant)g).Target))]))
        {
            throw new IOException("the peer is gone");
        }
    }

    /// <summary>Sends the grants themselves, so that a test sees what becomes of them.</summary>
    /// <returns>False where the peer is gone; then the grants are given up, as a kernel does with what nobody received.</returns>
    public bool SendOriginals(byte[] message, params Grant[] grants)
    {
        try
        {
            _outgoing.Add(new Piece(message, grants));
            return true;
        }
        catch (InvalidOperationException)
        {
            GiveUp(grants);
            return false;
        }
    }

    /// <summary>Ends one direction: what was sent is received still, and replies too.</summary>
    public void EndSending() => _outgoing.CompleteAdding();

    public override void Close()
    {
        _incoming.CompleteAdding();
        _outgoing.CompleteAdding();
    }

    protected override void Dispose(bool disposing)
    {
        IsDisposed = true;
        Close();
        while (_incoming.TryTake(out Piece? piece))
        {
            GiveUp(piece.Grants);
        }
    }

    private static void GiveUp(Grant[] grants)
    {
        foreach (Grant grant in grants)
        {
            grant.Dispose();
        }
    }

    private sealed record Piece(byte[] Bytes, Grant[] Grants);
}
