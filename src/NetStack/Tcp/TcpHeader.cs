using System.Buffers.Binary;
using System.Runtime.CompilerServices;

namespace Makatea.NetStack;

/// <summary>A segment's header and those of its options that are used: maximum segment size, window scale ([RFC 7323] 2), SACK ([RFC 2018]) and timestamps ([RFC 7323] 3).</summary>
internal struct TcpHeader
{
    internal const int Length = 20;
    internal const int MaximumLength = 60;
    internal const int TimestampsLength = 12; // with two bytes of padding
    internal const int DefaultSegmentSize4 = 536; // [RFC 9293] 3.7.1
    internal const int DefaultSegmentSize6 = 1220;
    internal const int MaximumScale = 14;

    private const byte EndOption = 0;
    private const byte NoOption = 1;
    private const byte SegmentSizeOption = 2;
    private const byte ScaleOption = 3;
    private const byte SackPermittedOption = 4;
    private const byte SackOption = 5;
    private const byte TimestampsOption = 8;

    internal ushort SourcePort;
    internal ushort DestinationPort;
    internal uint Sequence;
    internal uint Acknowledgement;
    internal TcpControl Control;
    internal ushort Window;

    /// <summary>0 where the option is absent.</summary>
    internal ushort SegmentSize;

    /// <summary>-1 where the option is absent.</summary>
    internal int Scale;

    internal bool IsSackPermitted;
    internal bool HasTimestamps;
    internal uint Timestamp;
    internal uint TimestampEcho;
    internal int SackCount;
    internal SackBlocks Sacks;

    /// <summary>Length with options.</summary>
    internal int TotalLength;

    public TcpHeader() => Scale = -1;

    internal readonly bool Has(TcpControl bit) => (Control & bit) != 0;

    /// <summary>Reads a header. An option that is malformed ends the options.</summary>
    /// <returns>False where the segment is shorter than its header.</returns>
    internal static bool TryRead(ReadOnlySpan<byte> segment, out TcpHeader header)
    {
        header = new();
        int length = segment.Length < Length ? 0 : (segment[12] >> 4) * 4;
        if (length < Length || length > segment.Length)
        {
            return false;
        }

        header.SourcePort = BinaryPrimitives.ReadUInt16BigEndian(segment);
        header.DestinationPort = BinaryPrimitives.ReadUInt16BigEndian(segment[2..]);
        header.Sequence = BinaryPrimitives.ReadUInt32BigEndian(segment[4..]);
        header.Acknowledgement = BinaryPrimitives.ReadUInt32BigEndian(segment[8..]);
        header.Control = (TcpControl)(segment[13] & 0x1f);
        header.Window = BinaryPrimitives.ReadUInt16BigEndian(segment[14..]);
        header.TotalLength = length;
        header.ReadOptions(segment[Length..length]);
        return true;
    }

    /// <summary>Writes the header with its options and a checksum of zero.</summary>
    /// <returns>Its length; <see cref="MaximumLength"/> at most.</returns>
    internal readonly int Write(Span<byte> buffer)
    {
        BinaryPrimitives.WriteUInt16BigEndian(buffer, SourcePort);
        BinaryPrimitives.WriteUInt16BigEndian(buffer[2..], DestinationPort);
        BinaryPrimitives.WriteUInt32BigEndian(buffer[4..], Sequence);
        BinaryPrimitives.WriteUInt32BigEndian(buffer[8..], Acknowledgement);
        buffer[13] = (byte)Control;
        BinaryPrimitives.WriteUInt16BigEndian(buffer[14..], Window);
        BinaryPrimitives.WriteUInt32BigEndian(buffer[16..], 0);
        int length = Length + WriteOptions(buffer[Length..]);
        buffer[12] = (byte)(length / 4 << 4);
        return length;
    }

    private void ReadOptions(ReadOnlySpan<byte> options)
    {
        while (options.Length > 0 && options[0] != EndOption)
        {
            if (options[0] == NoOption)
            {
                options = options[1..];
                continue;
            }

            if (options.Length < 2 || options[1] < 2 || options[1] > options.Length)
            {
                return;
            }

            ReadOption(options[0], options[2..options[1]]);
            options = options[options[1]..];
        }
    }

    private void ReadOption(byte kind, ReadOnlySpan<byte> data)
    {
        switch (kind)
        {
            case SegmentSizeOption when data.Length == 2 && Has(TcpControl.Syn):
                SegmentSize = BinaryPrimitives.ReadUInt16BigEndian(data);
                break;
            case ScaleOption when data.Length == 1 && Has(TcpControl.Syn):
                Scale = Math.Min((int)data[0], MaximumScale);
                break;
            case SackPermittedOption when data.Length == 0 && Has(TcpControl.Syn):
                IsSackPermitted = true;
                break;
            case SackOption when data.Length % 8 == 0:
                for (; data.Length > 0 && SackCount < SackBlocks.Count; data = data[8..])
                {
                    Sacks[SackCount++] = new(BinaryPrimitives.ReadUInt32BigEndian(data), BinaryPrimitives.ReadUInt32BigEndian(data[4..]));
                }

                break;
            case TimestampsOption when data.Length == 8:
                HasTimestamps = true;
                Timestamp = BinaryPrimitives.ReadUInt32BigEndian(data);
                TimestampEcho = BinaryPrimitives.ReadUInt32BigEndian(data[4..]);
                break;
        }
    }

    private readonly int WriteOptions(Span<byte> buffer)
    {
        int at = 0;
        if (SegmentSize != 0)
        {
            (buffer[0], buffer[1]) = (SegmentSizeOption, 4);
            BinaryPrimitives.WriteUInt16BigEndian(buffer[2..], SegmentSize);
            at = 4;
        }

        if (IsSackPermitted)
        {
            (buffer[at], buffer[at + 1], buffer[at + 2], buffer[at + 3]) = (NoOption, NoOption, SackPermittedOption, 2);
            at += 4;
        }

        if (HasTimestamps)
        {
            (buffer[at], buffer[at + 1], buffer[at + 2], buffer[at + 3]) = (NoOption, NoOption, TimestampsOption, 10);
            BinaryPrimitives.WriteUInt32BigEndian(buffer[(at + 4)..], Timestamp);
            BinaryPrimitives.WriteUInt32BigEndian(buffer[(at + 8)..], TimestampEcho);
            at += TimestampsLength;
        }

        if (Scale >= 0)
        {
            (buffer[at], buffer[at + 1], buffer[at + 2], buffer[at + 3]) = (NoOption, ScaleOption, 3, (byte)Scale);
            at += 4;
        }

        if (SackCount > 0)
        {
            (buffer[at], buffer[at + 1], buffer[at + 2], buffer[at + 3]) = (NoOption, NoOption, SackOption, (byte)(2 + (8 * SackCount)));
            at += 4;
            for (int i = 0; i < SackCount; i++, at += 8)
            {
                BinaryPrimitives.WriteUInt32BigEndian(buffer[at..], Sacks[i].Start);
                BinaryPrimitives.WriteUInt32BigEndian(buffer[(at + 4)..], Sacks[i].End);
            }
        }

        return at;
    }

    /// <summary>Blocks of a SACK option; beside timestamps three fit.</summary>
    [InlineArray(Count)]
    internal struct SackBlocks
    {
        internal const int Count = 4;

        private TcpRange _first;
    }
}
