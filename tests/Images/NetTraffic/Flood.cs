using System.Buffers.Binary;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.NetworkInformation;
using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace Makatea.NetTraffic;

/// <summary>Sends frames by a packet socket as fast as it goes: what a hostile qube can do without touching its driver.</summary>
internal sealed class Flood
{
    private const int Ethernet = 14;
    private const int Ip4 = 20;
    private const int Shortest = 60;
    private readonly Socket _socket;
    private readonly byte[] _frame = new byte[1514];
    private readonly byte[] _source;
    private readonly byte[] _destination;

    public Flood(string device, IPAddress source, IPAddress destination)
    {
        _source = source.GetAddressBytes();
        _destination = destination.GetAddressBytes();
        _socket = new Socket(AddressFamily.Packet, SocketType.Raw, 0);
        string number = File.ReadAllText($"/sys/class/net/{device}/ifindex");
        _socket.Bind(new PacketEndPoint(int.Parse(number, CultureInfo.InvariantCulture)));
        byte[] gateway = [0xfe, 0xff, 0xff, 0xff, 0xff, 0xff];
        gateway.CopyTo(_frame, 0);
        PhysicalAddress.Parse(File.ReadAllText($"/sys/class/net/{device}/address").Trim()).GetAddressBytes().CopyTo(_frame, 6);
    }

    /// <summary>Floods until the time is over or a file /tmp/stop is there, and prints how many frames went.</summary>
    public int Run(string kind, TimeSpan time)
    {
        Func<uint, int>? next = kind switch
        {
            "syn" => n => Transport(n, 6, 20, destinationPort: 80),
            "flows" => n => Transport(n, 17, 18, destinationPort: (ushort)(n >> 16)),
            "small" or "spoofed" => _ => Transport(7, 17, 18, destinationPort: 9),
            "fragments" => Fragment,
            "arp" => Arp,
            _ => null,
        };
        if (next is null)
        {
            Console.Error.WriteLine($"no kind of flood is called '{kind}'");
            return 2;
        }

        // Another's Ethernet address: refused before anything else is looked at.
        _frame[11] ^= (byte)(kind == "spoofed" ? 1 : 0);
        long refused = 0;
        uint sent = 0;
        var watch = Stopwatch.StartNew();
        while (watch.Elapsed < time && !File.Exists("/tmp/stop"))
        {
            for (int i = 0; i < 256; i++)
            {
                int length = next(sent);
                try
                {
                    _socket.Send(_frame.AsSpan(0, length));
                    sent++;
                }
                catch (SocketException e) when (e.SocketErrorCode is SocketError.NoBufferSpaceAvailable or SocketError.WouldBlock)
                {
                    refused++;
                }
            }
        }

        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"frames {sent} refused {refused} pps {sent / watch.Elapsed.TotalSeconds:0}"));
        return 0;
    }

    /// <summary>TCP SYN or UDP; the source port, and with it the flow, follows the number.</summary>
    private int Transport(uint number, byte protocol, int length, ushort destinationPort)
    {
        Span<byte> packet = Ip(protocol, length + (protocol == 17 ? 8 : 0), 0x4000, (ushort)number);
        int total = length + (protocol == 17 ? 8 : 0);
        Span<byte> header = packet.Slice(Ip4, total);
        header.Clear();
        BinaryPrimitives.WriteUInt16BigEndian(header, (ushort)(1024 + (number % 60000)));
        BinaryPrimitives.WriteUInt16BigEndian(header[2..], destinationPort);
        if (protocol == 6)
        {
            BinaryPrimitives.WriteUInt32BigEndian(header[4..], number * 2654435761);
            header[12] = 0x50;
            header[13] = 2;
            header[14] = 0xff;
        }
        else
        {
            BinaryPrimitives.WriteUInt16BigEndian(header[4..], (ushort)total);
        }

        uint pseudo = protocol + (uint)total;
        int at = protocol == 6 ? 16 : 6;
        BinaryPrimitives.WriteUInt16BigEndian(header[at..], (ushort)~Sum(header, Sum(packet.Slice(12, 8), pseudo)));
        return Math.Max(Shortest, Ethernet + Ip4 + total);
    }

    /// <summary>First fragments of datagrams whose rest never comes.</summary>
    private int Fragment(uint number)
    {
        Span<byte> packet = Ip(17, 800, 0x2000, (ushort)number);
        packet.Slice(Ip4, 800).Fill((byte)number);
        return Ethernet + Ip4 + 800;
    }

    /// <summary>Asks for an address that is another's, and another every time.</summary>
    private int Arp(uint number)
    {
        Span<byte> frame = _frame.AsSpan(0, Shortest);
        frame[..6].Fill(0xff);
        BinaryPrimitives.WriteUInt16BigEndian(frame[12..], 0x806);
        ReadOnlySpan<byte> start = [0, 1, 8, 0, 6, 4, 0, 1];
        start.CopyTo(frame[14..]);
        frame.Slice(6, 6).CopyTo(frame[22..]);
        _source.CopyTo(frame[28..]);
        frame.Slice(32, 6).Clear();
        BinaryPrimitives.WriteUInt32BigEndian(frame[38..], 0x0a89_0000 + (number & 0xffff));
        frame[42..].Clear();
        return Shortest;
    }

    private Span<byte> Ip(byte protocol, int payload, ushort fragment, ushort identification)
    {
        BinaryPrimitives.WriteUInt16BigEndian(_frame.AsSpan(12), 0x800);
        Span<byte> packet = _frame.AsSpan(Ethernet);
        packet[..Ip4].Clear();
        packet[0] = 0x45;
        BinaryPrimitives.WriteUInt16BigEndian(packet[2..], (ushort)(Ip4 + payload));
        BinaryPrimitives.WriteUInt16BigEndian(packet[4..], identification);
        BinaryPrimitives.WriteUInt16BigEndian(packet[6..], fragment);
        packet[8] = 64;
        packet[9] = protocol;
        _source.CopyTo(packet[12..]);
        _destination.CopyTo(packet[16..]);
        BinaryPrimitives.WriteUInt16BigEndian(packet[10..], (ushort)~Sum(packet[..Ip4], 0));
        return packet;
    }

    private static ushort Sum(ReadOnlySpan<byte> bytes, uint start)
    {
        uint sum = start;
        foreach (ushort word in MemoryMarshal.Cast<byte, ushort>(bytes))
        {
            sum += BinaryPrimitives.ReverseEndianness(word);
        }

        while (sum >> 16 != 0)
        {
            sum = (sum & 0xffff) + (sum >> 16);
        }

        return (ushort)sum;
    }
}
