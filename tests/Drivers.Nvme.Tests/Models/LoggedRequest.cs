using System.Buffers.Binary;

namespace Makatea.Drivers.Nvme.Tests.Models;

/// <summary>An entry of a log of <c>blklogwrites</c>, whose format is dm-log-writes' (Linux, Documentation/admin-guide/device-mapper/log-writes.rst).</summary>
internal readonly record struct LoggedRequest(ulong Sector, ulong Sectors, bool IsFlush, bool IsDiscard)
{
    private const ulong Magic = 0x6a736677736872;
    private const int SectorLength = 512;

    internal static IReadOnlyList<LoggedRequest> ParseAll(ReadOnlySpan<byte> log)
    {
        Assert.Equal(Magic, BinaryPrimitives.ReadUInt64LittleEndian(log));
        ulong entries = BinaryPrimitives.ReadUInt64LittleEndian(log[16..]);
        List<LoggedRequest> requests = [];
        int at = SectorLength;
        while ((ulong)requests.Count < entries)
        {
            ReadOnlySpan<byte> entry = log[at..];
            ulong sectors = BinaryPrimitives.ReadUInt64LittleEndian(entry[8..]);
            ulong flags = BinaryPrimitives.ReadUInt64LittleEndian(entry[16..]);
            var request = new LoggedRequest(BinaryPrimitives.ReadUInt64LittleEndian(entry), sectors, (flags & 1) != 0, (flags & 4) != 0);
            requests.Add(request);
            at += SectorLength + (request.IsDiscard ? 0 : (int)sectors * SectorLength);
        }

        return requests;
    }
}
