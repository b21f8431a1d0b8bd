using Makatea.Platform;

namespace Makatea.Domains.Storage.Tests;

/// <summary>An overlay whose storage is the device that tests break.</summary>
public abstract class OverlayOnStorageContract(OverlayMode mode, int blockSize = 512) : BlockLayerContract
{
    private const int BaseSize = 1 << 20;

    private int BaseLength => BaseSize + (3 * blockSize);

    protected override int SizeBelow => (int)OverlayFormat.For((ulong)BaseLength / 512, blockSize, 512).RequiredSectors * 512;

    protected override BlockDevice CreateOver(BlockDevice below) => OverlayDevice.Open(Overlays.Pattern(BaseLength, blockSize), below, mode, NoHost.Instance);
}

public sealed class VolatileOverlayTests() : OverlayOnStorageContract(OverlayMode.Volatile);

public sealed class KeptOverlayTests() : OverlayOnStorageContract(OverlayMode.Kept);

public sealed class OverlayWith4KBlocksTests() : OverlayOnStorageContract(OverlayMode.Kept, 4096);

public sealed class OverlayWith8KBlocksTests() : OverlayOnStorageContract(OverlayMode.Kept, 8192);

/// <summary>An overlay whose base is the device that tests break.</summary>
public sealed class OverlayOverFaultyBaseTests : BlockLayerContract
{
    protected override BlockDevice CreateOver(BlockDevice below) =>
        OverlayDevice.Open(below, new MemoryDevice((int)OverlayDevice.StorageLength((ulong)SizeBelow)), OverlayMode.Kept, NoHost.Instance);
}

internal static class Overlays
{
    /// <summary>A base in which every sector says its number.</summary>
    public static MemoryDevice Pattern(int length, int blockSize = 512)
    {
        byte[] bytes = new byte[length];
        for (int i = 0; i < length; i++)
        {
            bytes[i] = Expected(i / 512);
        }

        return Disks.Of(bytes, blockSize);
    }

    public static byte Expected(int sector) => (byte)(0x80 | (sector % 97));

    public static byte[] Filled(byte value, int sectors)
    {
        byte[] data = new byte[sectors * 512];
        Array.Fill(data, value);
        return data;
    }
}
