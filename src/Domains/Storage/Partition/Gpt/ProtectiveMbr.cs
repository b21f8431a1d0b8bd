using System.Buffers.Binary;

namespace Makatea.Domains.Storage;

/// <summary>
/// The MBR that keeps older tools off a GPT disk ([UEFI-2.10] 5.2.3). A disk without it is not a GPT disk, whatever else is on it: somebody
/// partitioned it anew and an old GPT was left.
/// </summary>
internal static class ProtectiveMbr
{
    private const int FirstRecord = 446;
    private const int RecordSize = 16;
    private const int TypeOffset = 4;
    private const byte GptProtective = 0xEE;
    private const ushort Signature = 0xAA55;

    /// <exception cref="GptException">Sector 0 holds no MBR, or one without a protective partition.</exception>
    public static void Check(ReadOnlySpan<byte> sector)
    {
        if (BinaryPrimitives.ReadUInt16LittleEndian(sector[510..]) != Signature)
        {
            throw new GptException("sector 0 holds no MBR (no 0xAA55 at byte 510); a GPT disk has a protective one");
        }

        for (int record = 0; record < 4; record++)
        {
            if (sector[FirstRecord + (record * RecordSize) + TypeOffset] == GptProtective)
            {
                return;
            }
        }

        throw new GptException("the MBR has no protective partition (type 0xEE), so the disk is not partitioned by GPT");
    }
}
