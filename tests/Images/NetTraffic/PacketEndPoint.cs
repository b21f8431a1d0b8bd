using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;

namespace Makatea.NetTraffic;

/// <summary>struct sockaddr_ll (packet(7)): an interface, for frames as they are.</summary>
/// <param name="device">Number of the interface.</param>
internal sealed class PacketEndPoint(int device) : EndPoint
{
    private const int Length = 20;
    private const ushort EveryProtocol = 3;

    public override AddressFamily AddressFamily => AddressFamily.Packet;

    public override SocketAddress Serialize()
    {
        var address = new SocketAddress(AddressFamily.Packet, Length);
        Span<byte> bytes = address.Buffer.Span;
        BinaryPrimitives.WriteUInt16BigEndian(bytes[2..], EveryProtocol);
        BitConverter.TryWriteBytes(bytes[4..], device);
        return address;
    }
}
