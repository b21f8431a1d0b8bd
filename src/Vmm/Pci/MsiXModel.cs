using Makatea.Platform;

namespace Makatea.Vmm.Pci;

/// <summary>
/// A function's MSI-X table and its pending bits ([PCI-3.0] 6.8.2), registers of their own: the table at 0, the pending bits at <see cref="PendingOffset"/>. The guest writes it under a lock; a vector is
/// raised without one, from any thread.
/// </summary>
internal sealed class MsiXModel : RegisterBus
{
    internal const ulong PendingOffset = 0x800;
    internal const ulong Length = 0x1000;
    internal const int MostVectors = 128;

    private const int EntryLength = 16;
    private const uint Masked = 1;

    private readonly InterruptController _controller;
    private readonly Lock _lock = new();
    private readonly uint[] _table;
    private readonly Message?[] _live;
    private readonly ulong[] _pending = new ulong[MostVectors / 64];
    private bool _isEnabled;

    internal MsiXModel(InterruptController controller, int vectors)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(vectors is >= 1 and <= MostVectors, true);
        _controller = controller;
        Count = vectors;
        _live = new Message?[vectors];
        _table = new uint[vectors * EntryLength / sizeof(uint)];
        Reset();
    }

    internal int Count { get; }

    /// <summary>Sends a vector's message, or remembers it until the guest lets it through.</summary>
    internal void Raise(int vector)
    {
        if ((uint)vector >= (uint)Count)
        {
            return;
        }

        if (Volatile.Read(ref _live[vector]) is { } message)
        {
            _controller.Send(message.Address, message.Data);
            return;
        }

        // Interlocked is a full fence; its pair is in Update: whoever comes second sees the other.
        ulong bit = 1UL << (vector % 64);
        Interlocked.Or(ref _pending[vector / 64], bit);
        SendPending(vector);
    }

    /// <summary>The whole function is let through, or not: switched on, not masked, and it may write to memory.</summary>
    internal void SetEnabled(bool isEnabled)
    {
        lock (_lock)
        {
            if (_isEnabled != isEnabled)
            {
                _isEnabled = isEnabled;
                for (int vector = 0; vector < Count; vector++)
                {
                    Update(vector);
                }
            }
        }
    }

    /// <summary>As after power on: every vector is masked.</summary>
    internal void Reset()
    {
        lock (_lock)
        {
            _isEnabled = false;
            Array.Clear(_table);
            for (int vector = 0; vector < Count; vector++)
            {
                _table[vector * 4 + 3] = Masked;
                Update(vector);
            }

            for (int i = 0; i < _pending.Length; i++)
            {
                Interlocked.Exchange(ref _pending[i], 0);
            }
        }
    }

    internal void Save(StateWriter writer)
    {
        lock (_lock)
        {
            writer.Write(_table);
            foreach (ref ulong word in _pending.AsSpan())
            {
                writer.Write(Volatile.Read(ref word));
            }
        }
    }

    /// <summary>Whether the function is let through is for <see cref="SetEnabled"/> to say.</summary>
    internal void Restore(StateReader reader)
    {
        lock (_lock)
        {
            reader.ReadWords(_table);
            for (int i = 0; i < _table.Length; i++)
            {
                _table[i] = Kept(i, _table[i]);
            }

            foreach (ref ulong word in _pending.AsSpan())
            {
                Interlocked.Exchange(ref word, reader.Read());
            }

            for (int vector = 0; vector < Count; vector++)
            {
                Update(vector);
            }
        }
    }

    public override ulong Read(ulong address, int width)
    {
        if (width is not (4 or 8) || (address & (ulong)(width - 1)) != 0)
        {
            return RegisterWidth.Mask(width);
        }

        ulong low = Read32(address);
        return width == 4 ? low : low | (ulong)Read32(address + 4) << 32;
    }

    public override void Write(ulong address, int width, ulong value)
    {
        if (width is not (4 or 8) || (address & (ulong)(width - 1)) != 0)
        {
            return;
        }

        lock (_lock)
        {
            Write32(address, (uint)value);
            if (width == 8)
            {
                Write32(address + 4, (uint)(value >> 32));
            }
        }
    }

    private uint Read32(ulong address)
    {
        if (address < (ulong)(_table.Length * sizeof(uint)))
        {
            return Volatile.Read(ref _table[(int)(address / sizeof(uint))]);
        }

        ulong word = address - PendingOffset;
        return address >= PendingOffset && word < (ulong)(_pending.Length * sizeof(ulong)) ? (uint)(Volatile.Read(ref _pending[word / 8]) >> (int)(word % 8 * 8)) : 0;
    }

    private void Write32(ulong address, uint value)
    {
        if (address >= (ulong)(_table.Length * sizeof(uint)))
        {
            return;
        }

        int index = (int)(address / sizeof(uint));
        Volatile.Write(ref _table[index], Kept(index, value));
        Update(index / 4);
    }

    private static uint Kept(int index, uint value) => (index & 3) switch { 0 => value & ~3U, 3 => value & Masked, _ => value };

    private void Update(int vector)
    {
        ReadOnlySpan<uint> entry = _table.AsSpan(vector * 4, 4);
        bool isLive = _isEnabled && (entry[3] & Masked) == 0;
        // A full fence; its pair is in Raise.
        Interlocked.Exchange(ref _live[vector], isLive ? new(entry[0] | (ulong)entry[1] << 32, entry[2]) : null);
        SendPending(vector);
    }

    private void SendPending(int vector)
    {
        ulong bit = 1UL << (vector % 64);
        if (Volatile.Read(ref _live[vector]) is { } message && (Interlocked.And(ref _pending[vector / 64], ~bit) & bit) != 0)
        {
            _controller.Send(message.Address, message.Data);
        }
    }

    private sealed record Message(ulong Address, uint Data);
}
