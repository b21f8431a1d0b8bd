using System.Buffers.Binary;
using Makatea.Platform;

namespace Makatea.Domains.Storage.Tests;

/// <summary>What each sector may hold after a crash: the last contents that had to survive, and whatever was written to it since.</summary>
internal sealed class CrashModel
{
    private readonly List<(ulong Stamp, long Completed)>[] _sectors;
    private readonly bool[] _inUse;
    private long _clock;

    /// <summary>Sector n holds stamp <c>initial(n)</c>.</summary>
    public CrashModel(int sectors, Func<int, ulong> initial)
    {
        _sectors = [.. Enumerable.Range(0, sectors).Select(s => new List<(ulong, long)> { (initial(s), 0) })];
        _inUse = new bool[sectors];
    }

    public long Now => _clock;

    public int Sectors => _sectors.Length;

    /// <summary>Contents of a sector that was stamped.</summary>
    public static byte[] Contents(ulong stamp)
    {
        byte[] data = new byte[BlockDevice.SectorSize];
        for (int i = 0; i < data.Length; i += 8)
        {
            BinaryPrimitives.WriteUInt64LittleEndian(data.AsSpan(i), stamp);
        }

        return data;
    }

    public bool TryBegin(int sector, int count, ulong stamp)
    {
        if (_inUse.AsSpan(sector, count).Contains(true))
        {
            return false;
        }

        for (int i = sector; i < sector + count; i++)
        {
            _inUse[i] = true;
            _sectors[i].Add((stamp, long.MaxValue));
        }

        return true;
    }

    public void Complete(int sector, int count)
    {
        _clock++;
        for (int i = sector; i < sector + count; i++)
        {
            _inUse[i] = false;
            _sectors[i][^1] = (_sectors[i][^1].Stamp, _clock);
        }
    }

    /// <summary>What completed by <paramref name="time"/> has to survive from now on.</summary>
    public void Settle(long time)
    {
        foreach (List<(ulong Stamp, long Completed)> sector in _sectors)
        {
            int last = sector.FindLastIndex(w => w.Completed <= time);
            sector.RemoveRange(0, Math.Max(last, 0));
        }
    }

    /// <summary>Checks what is there after the crash, which is then all that there is.</summary>
    public void Crash(byte[] contents)
    {
        for (int i = 0; i < _sectors.Length; i++)
        {
            ReadOnlySpan<byte> seen = contents.AsSpan(i * BlockDevice.SectorSize, BlockDevice.SectorSize);
            ulong stamp = BinaryPrimitives.ReadUInt64LittleEndian(seen);
            Assert.True(
                _sectors[i].Exists(w => w.Stamp == stamp) && seen.SequenceEqual(Contents(stamp)),
                $"sector {i} holds {stamp:x} and may hold {string.Join(", ", _sectors[i].Select(w => $"{w.Stamp:x}"))}");
            _sectors[i].Clear();
            _sectors[i].Add((stamp, 0));
            _inUse[i] = false;
        }
    }
}
