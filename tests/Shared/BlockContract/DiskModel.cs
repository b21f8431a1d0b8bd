using Makatea.Platform;

namespace Makatea.BlockContract;

/// <summary>
/// What a device must hold: its bytes, which of them nobody can know (discarded, or of a failed write), and which sectors outstanding requests use.
/// </summary>
public sealed class DiskModel
{
    private readonly byte[] _bytes;
    private readonly bool[] _unknown;
    private readonly int[] _users;
    private readonly object _gate = new();

    /// <summary>Reads the first <paramref name="sectors"/> of the device.</summary>
    public DiskModel(QueueDriver driver, int sectors)
    {
        _bytes = new byte[sectors * BlockDevice.SectorSize];
        _unknown = new bool[sectors];
        _users = new int[sectors];
        for (int sector = 0; sector < sectors; sector += QueueDriver.MaxBytes / BlockDevice.SectorSize)
        {
            int count = Math.Min(QueueDriver.MaxBytes / BlockDevice.SectorSize, sectors - sector);
            Assert.Equal(BlockStatus.Ok, driver.Execute(BlockOperation.Read, (ulong)sector, (uint)count, Bytes(sector, count)));
        }
    }

    public int Sectors => _users.Length;

    /// <summary>Reserves sectors: any number of readers, or one writer.</summary>
    public bool TryUse(int sector, int count, bool writes)
    {
        lock (_gate)
        {
            Span<int> users = _users.AsSpan(sector, count);
            if (writes ? users.ContainsAnyExcept(0) : users.Contains(-1))
            {
                return false;
            }

            foreach (ref int user in users)
            {
                user = writes ? -1 : user + 1;
            }

            return true;
        }
    }

    public void EndUse(int sector, int count)
    {
        lock (_gate)
        {
            foreach (ref int user in _users.AsSpan(sector, count))
            {
                user = Math.Max(user - 1, 0);
            }
        }
    }

    public void Write(int sector, ReadOnlySpan<byte> data)
    {
        data.CopyTo(_bytes.AsSpan(sector * BlockDevice.SectorSize));
        _unknown.AsSpan(sector, data.Length / BlockDevice.SectorSize).Clear();
    }

    public void Zero(int sector, int count)
    {
        Bytes(sector, count).Clear();
        _unknown.AsSpan(sector, count).Clear();
    }

    public void Forget(int sector, int count) => _unknown.AsSpan(sector, count).Fill(true);

    public void Check(int sector, ReadOnlySpan<byte> data)
    {
        for (int i = 0; i < data.Length / BlockDevice.SectorSize; i++)
        {
            ReadOnlySpan<byte> seen = data.Slice(i * BlockDevice.SectorSize, BlockDevice.SectorSize);
            ReadOnlySpan<byte> expected = Bytes(sector + i, 1);
            if (!_unknown[sector + i] && !seen.SequenceEqual(expected))
            {
                int at = seen.CommonPrefixLength(expected);
                Assert.Fail($"sector {sector + i} reads 0x{seen[at]:x2} at byte {at}, expected 0x{expected[at]:x2}");
            }
        }
    }

    /// <summary>Compares everything that can be known.</summary>
    public void CheckAll(QueueDriver driver)
    {
        byte[] data = new byte[QueueDriver.MaxBytes];
        for (int sector = 0; sector < Sectors; sector += QueueDriver.MaxBytes / BlockDevice.SectorSize)
        {
            int count = Math.Min(QueueDriver.MaxBytes / BlockDevice.SectorSize, Sectors - sector);
            Span<byte> part = data.AsSpan(0, count * BlockDevice.SectorSize);
            Assert.Equal(BlockStatus.Ok, driver.Execute(BlockOperation.Read, (ulong)sector, (uint)count, part));
            Check(sector, part);
        }
    }

    private Span<byte> Bytes(int sector, int count) => _bytes.AsSpan(sector * BlockDevice.SectorSize, count * BlockDevice.SectorSize);
}
