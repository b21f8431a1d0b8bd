using FsCheck;
using FsCheck.Fluent;

namespace Makatea.NetStack.Tests;

/// <summary>What holds of the buffers and the scoreboard for whatever sequence of segments.</summary>
public sealed class TcpBufferProperties
{
    private const int Size = 256;

    /// <summary>Pieces of a stream in any order, with overlaps and repetitions: what is taken is the stream, and nothing is reached for beyond the window.</summary>
    [Fact]
    public void TheReceiveBufferGivesTheStream() => Check(random =>
    {
        uint start = (uint)random.Next(int.MinValue, int.MaxValue);
        var buffer = new TcpReceiveBuffer(new byte[Size], start);
        byte[] stream = TcpTrial.Random(7, 4 * Size);
        var taken = new List<byte>();
        for (int i = 0; i < 300 && taken.Count < stream.Length; i++)
        {
            int at = Math.Clamp(taken.Count + random.Next(-50, Size + 50), 0, stream.Length - 1);
            int length = Math.Min(random.Next(1, 60), stream.Length - at);
            uint before = buffer.Next;
            bool moved = buffer.Add(start + (uint)at, stream.AsSpan(at, length));
            Assert.Equal(moved, buffer.Next != before);
            Assert.True(buffer.Window >= 0 && buffer.Available + buffer.Window == Size);
            Assert.All(buffer.Ahead, range => Assert.True(TcpSequence.IsBefore(buffer.Next, range.Start) && TcpSequence.IsBefore(range.Start, range.End) && range.End - buffer.Next <= (uint)buffer.Window));
            byte[] piece = new byte[random.Next(40)];
            taken.AddRange(piece[..buffer.Take(piece)]);
        }

        Assert.Equal(stream[..taken.Count], taken);
    });

    /// <summary>What is to be sent again is neither acknowledged nor with the peer, and the pipe counts each byte at most twice.</summary>
    [Fact]
    public void TheScoreboardSendsNothingAgainThatThePeerHas() => Check(random =>
    {
        const int Flight = 2000;
        uint start = (uint)random.Next(int.MinValue, int.MaxValue);
        var board = new TcpScoreboard();
        bool[] has = new bool[Flight];
        uint unacknowledged = start;
        for (int i = 0; i < 60; i++)
        {
            var header = new TcpHeader { SackCount = 1 };
            int at = random.Next(Flight);
            int end = at + random.Next(-20, 200);
            header.Sacks[0] = new(start + (uint)at, start + (uint)end);
            bool fits = end > at && end <= Flight && TcpSequence.IsBefore(unacknowledged, header.Sacks[0].Start);
            Assert.False(board.Update(header, unacknowledged, start + Flight) && !fits);
            if (fits)
            {
                has.AsSpan(at, end - at).Fill(true);
            }

            if (random.Next(10) == 0)
            {
                unacknowledged += (uint)random.Next((int)(start + Flight - unacknowledged));
                board.Acknowledge(unacknowledged);
            }

            uint lostBefore = unacknowledged + (uint)random.Next((int)(start + Flight - unacknowledged) + 1);
            uint from = unacknowledged;
            while (board.TryFindLost(from, unacknowledged, lostBefore, 100, out TcpRange lost))
            {
                Assert.True(!TcpSequence.IsBefore(lost.Start, from) && lost.Length > 0 && !TcpSequence.IsBefore(start + Flight, lost.End));
                Assert.DoesNotContain(true, has[(int)(lost.Start - start)..(int)(lost.End - start)]);
                from = lost.End;
            }

            int pipe = board.Pipe(unacknowledged, start + Flight, from, lostBefore, 100);
            Assert.InRange(pipe, 0, 2 * (int)(start + Flight - unacknowledged));
        }
    });

    /// <summary>What is written of a header is what is read of it.</summary>
    [Fact]
    public void HeadersAreReadAsTheyWereWritten() => Check(random =>
    {
        var header = new TcpHeader
        {
            SourcePort = (ushort)random.Next(65536),
            DestinationPort = (ushort)random.Next(65536),
            Sequence = (uint)random.Next(),
            Acknowledgement = (uint)random.Next(),
            Control = (TcpControl)random.Next(32),
            Window = (ushort)random.Next(65536),
            HasTimestamps = random.Next(2) == 0,
            Timestamp = 5,
            TimestampEcho = 6,
        };
        if (header.Has(TcpControl.Syn))
        {
            (header.SegmentSize, header.Scale, header.IsSackPermitted) = ((ushort)random.Next(65536), random.Next(-1, 15), random.Next(2) == 0);
        }
        else
        {
            header.SackCount = random.Next(header.HasTimestamps ? 4 : 5);
        }

        byte[] bytes = new byte[TcpHeader.MaximumLength];
        int length = header.Write(bytes);
        Assert.True(TcpHeader.TryRead(bytes.AsSpan(0, length), out TcpHeader read));
        Assert.Equal(length, read.TotalLength);
        Assert.Equal(
            (header.SourcePort, header.DestinationPort, header.Sequence, header.Acknowledgement, header.Control, header.Window),
            (read.SourcePort, read.DestinationPort, read.Sequence, read.Acknowledgement, read.Control, read.Window));
        Assert.Equal(
            (header.SegmentSize, header.Scale, header.IsSackPermitted, header.HasTimestamps, header.SackCount), (read.SegmentSize, read.Scale, read.IsSackPermitted, read.HasTimestamps, read.SackCount));
        for (int cut = 0; cut < length; cut++)
        {
            Assert.False(TcpHeader.TryRead(bytes.AsSpan(0, cut), out _));
        }
    });

    private static void Check(Action<Random> property) => Prop.ForAll<int>(seed => property(new Random(seed))).QuickCheckThrowOnFailure();
}
