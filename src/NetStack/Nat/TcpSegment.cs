using System.Buffers.Binary;

namespace Makatea.NetStack;

/// <summary>What a TCP header says, as far as tracking wants to know ([RFC 9293] 3.1).</summary>
internal readonly struct TcpSegment
{
    private const int HeaderLength = 20;
    private const int EndOfOptions = 0;
    private const int NoOperation = 1;
    private const int WindowScale = 3;
    private const int WindowScaleLength = 3;

    private readonly TcpFlags _flags;

    private TcpSegment(ReadOnlySpan<byte> header, int payload)
    {
        Sequence = BinaryPrimitives.ReadUInt32BigEndian(header[4..]);
        Acknowledged = BinaryPrimitives.ReadUInt32BigEndian(header[8..]);
        _flags = (TcpFlags)header[13] & TcpFlags.All;
        Window = BinaryPrimitives.ReadUInt16BigEndian(header[14..]);
        End = Sequence + (uint)payload + (IsSyn ? 1u : 0) + (IsFin ? 1u : 0);
        Scale = IsSyn ? ReadScale(header[HeaderLength..]) : -1;
    }

    /// <summary>Its first sequence number.</summary>
    public uint Sequence { get; }

    /// <summary>The sequence number behind it, SYN and FIN counted.</summary>
    public uint End { get; }

    /// <summary>What it acknowledges, if <see cref="IsAck"/>.</summary>
    public uint Acknowledged { get; }

    /// <summary>The window, not scaled.</summary>
    public ushort Window { get; }

    /// <summary>Of SYN: the scale that it offers; less than 0 where it has none.</summary>
    public int Scale { get; }

    public bool IsSyn => (_flags & TcpFlags.Syn) != 0;

    public bool IsAck => (_flags & TcpFlags.Ack) != 0;

    public bool IsFin => (_flags & TcpFlags.Fin) != 0;

    public bool IsReset => (_flags & TcpFlags.Reset) != 0;

    /// <summary>Reads the header of a packet.</summary>
    /// <returns>False where it is cut off, or has flags that no sender sets together.</returns>
    public static bool TryRead(in FlowPacket packet, out TcpSegment segment)
    {
        segment = default;
        ReadOnlySpan<byte> transport = packet.Bytes[packet.TransportOffset..];
        if (transport.Length < HeaderLength)
        {
            return false;
        }

        int length = (transport[12] >> 4) * 4;
        int payload = packet.Length - packet.TransportOffset - length;
        if (length < HeaderLength || length > transport.Length || payload < 0)
        {
            return false;
        }

        segment = new(transport[..length], payload);
        return segment.IsSyn
            ? !segment.IsFin && !segment.IsReset
            : segment.IsReset ? !segment.IsFin : segment.IsAck;
    }

    private static int ReadScale(ReadOnlySpan<byte> options)
    {
        while (options.Length >= 2 && options[0] != EndOfOptions)
        {
            if (options[0] == NoOperation)
            {
                options = options[1..];
                continue;
            }

            if (options[1] < 2 || options[1] > options.Length)
            {
                break;
            }

            if (options[0] == WindowScale && options[1] == WindowScaleLength)
            {
                return Math.Min((int)options[2], TcpSide.MaxScale);
            }

            options = options[options[1]..];
        }

        return -1;
    }

    [Flags]
    private enum TcpFlags : byte
    {
        Fin = 1 << 0,
        Syn = 1 << 1,
        Reset = 1 << 2,
        Ack = 1 << 4,
        All = Fin | Syn | Reset | Ack,
    }
}
