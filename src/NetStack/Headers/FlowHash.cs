using System.Buffers.Binary;
using System.Numerics;

namespace Makatea.NetStack;

/// <summary>A number that is the same for all frames of a flow: of addresses and, where they are at their usual place, ports.</summary>
internal static class FlowHash
{
    private const int Source4 = Ethernet.HeaderLength + 12;
    private const int Source6 = Ethernet.HeaderLength + 8;
    private const int Ports6 = Ethernet.HeaderLength + 40;

    /// <summary>Works it out of the start of a frame, its Ethernet header at least. Frames of neither IP are all of one flow.</summary>
    public static uint Of(ReadOnlySpan<byte> frame)
    {
        switch (BinaryPrimitives.ReadUInt16BigEndian(frame[Ethernet.TypeOffset..]))
        {
            case Ethernet.IPv4 when frame.Length >= Source4 + 12:
                // Fragments but the first have no ports, so no fragment's ports count.
                bool isFragment = (BinaryPrimitives.ReadUInt16BigEndian(frame[(Ethernet.HeaderLength + 6)..]) & 0x3fff) != 0;
                uint hash = BitOperations.Crc32C(0, BinaryPrimitives.ReadUInt64LittleEndian(frame[Source4..]));
                return isFragment ? hash : BitOperations.Crc32C(hash, BinaryPrimitives.ReadUInt32LittleEndian(frame[(Source4 + 8)..]));
            case Ethernet.IPv6 when frame.Length >= Ports6 + 4:
                uint sum = 0;
                for (int i = 0; i < 32; i += 8)
                {
                    sum = BitOperations.Crc32C(sum, BinaryPrimitives.ReadUInt64LittleEndian(frame[(Source6 + i)..]));
                }

                return frame[Ethernet.HeaderLength + 6] is 6 or 17 ? BitOperations.Crc32C(sum, BinaryPrimitives.ReadUInt32LittleEndian(frame[Ports6..])) : sum;
            default:
                return 0;
        }
    }
}
