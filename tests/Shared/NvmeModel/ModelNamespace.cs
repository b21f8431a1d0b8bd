using System.Buffers.Binary;

namespace Makatea.NvmeModel;

/// <summary>Blocks in memory.</summary>
public sealed class ModelNamespace(int blockShift, int length)
{
    public int BlockShift => blockShift;

    public byte[] Bytes { get; } = new byte[length];

    /// <summary>Read-only.</summary>
    public bool IsReadOnly { get; set; }

    /// <summary>Fills in Identify Namespace; tests break it afterwards.</summary>
    public Action<byte[]>? Describe { get; set; }

    public byte Nguid { get; set; } = 0xab;

    internal byte[] Identify()
    {
        byte[] data = new byte[4096];
        BinaryPrimitives.WriteUInt64LittleEndian(data, (ulong)Bytes.Length >> blockShift);
        data[25] = 1;
        data[26] = 1;
        data[33] = 0x9;
        data[99] = (byte)(IsReadOnly ? 1 : 0);
        data.AsSpan(104, 16).Fill(Nguid);
        data[128 + 2] = 9;
        data[132 + 2] = (byte)blockShift;
        Describe?.Invoke(data);
        return data;
    }
}
