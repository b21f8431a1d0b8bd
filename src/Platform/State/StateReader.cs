using System.Buffers.Binary;
using System.Text;

namespace Makatea.Platform;

/// <summary>Reads what a <see cref="StateWriter"/> wrote, which may be damaged or made by an enemy: each value is checked against what is possible, and lengths against what is there.</summary>
/// <param name="what">What this is the state of, for messages.</param>
/// <param name="bytes">The state.</param>
public sealed class StateReader(string what, ReadOnlyMemory<byte> bytes)
{
    private const int LongestName = 64;

    private ReadOnlyMemory<byte> _left = bytes;

    /// <summary>Reads a word.</summary>
    /// <exception cref="InvalidDataException">The state ends before.</exception>
    public ulong Read()
    {
        if (!BinaryPrimitives.TryReadUInt64LittleEndian(_left.Span, out ulong value))
        {
            throw new InvalidDataException($"{what} ends too early");
        }

        _left = _left[sizeof(ulong)..];
        return value;
    }

    /// <summary>Reads a word that says a number up to a limit.</summary>
    /// <exception cref="InvalidDataException">It says a larger one.</exception>
    public ulong Read(ulong most)
    {
        ulong value = Read();
        return value <= most ? value : throw new InvalidDataException($"{what} has 0x{value:x} where at most 0x{most:x} is possible");
    }

    /// <summary>Reads a byte.</summary>
    public byte ReadByte() => (byte)Read(byte.MaxValue);

    /// <summary>Reads a number of 16 bits.</summary>
    public ushort ReadUInt16() => (ushort)Read(ushort.MaxValue);

    /// <summary>Reads a number of 32 bits.</summary>
    public uint ReadUInt32() => (uint)Read(uint.MaxValue);

    /// <summary>Reads a number within limits.</summary>
    /// <exception cref="InvalidDataException">It is outside.</exception>
    public long Read(long least, long most)
    {
        long value = unchecked((long)Read());
        return value >= least && value <= most ? value : throw new InvalidDataException($"{what} has {value} where {least} to {most} are possible");
    }

    /// <summary>Reads a flag.</summary>
    public bool ReadFlag() => Read(1) != 0;

    /// <summary>Reads bytes.</summary>
    /// <param name="most">The most that there can be.</param>
    /// <exception cref="InvalidDataException">There are more, or fewer than it says.</exception>
    public ReadOnlyMemory<byte> ReadBytes(int most)
    {
        int length = (int)Read((ulong)most);
        int whole = length + Fill(length);
        if (whole > _left.Length)
        {
            throw new InvalidDataException($"{what} says that {length} bytes follow; it has {_left.Length}");
        }

        ReadOnlyMemory<byte> value = _left[..length];
        _left = _left[whole..];
        return value;
    }

    /// <summary>Reads as many bytes as fit.</summary>
    /// <exception cref="InvalidDataException">There is another number of them.</exception>
    public void ReadBytes(Span<byte> destination)
    {
        ReadOnlyMemory<byte> value = ReadBytes(int.MaxValue - sizeof(ulong));
        if (value.Length != destination.Length)
        {
            throw new InvalidDataException($"{what} has {value.Length} bytes where there are {destination.Length}");
        }

        value.Span.CopyTo(destination);
    }

    /// <summary>Reads as many words of 32 bits as fit.</summary>
    /// <exception cref="InvalidDataException">There is another number of them.</exception>
    public void ReadWords(Span<uint> destination)
    {
        ulong count = Read();
        if (count != (ulong)destination.Length)
        {
            throw new InvalidDataException($"{what} has {count} words where there are {destination.Length}");
        }

        foreach (ref uint word in destination)
        {
            word = ReadUInt32();
        }
    }

    /// <summary>Reads a part.</summary>
    /// <param name="name">Its name, which has to be the next one's.</param>
    /// <param name="read">Reads it, to its end.</param>
    /// <exception cref="InvalidDataException">Another part is next, or this one is longer than what was read.</exception>
    public void Read(string name, Action<StateReader> read)
    {
        ArgumentNullException.ThrowIfNull(read);
        string found = Encoding.ASCII.GetString(ReadBytes(LongestName).Span);
        if (found != name)
        {
            throw new InvalidDataException($"{what} has '{found}' where '{name}' is due");
        }

        var part = new StateReader($"the state of '{name}'", ReadBytes(_left.Length));
        read(part);
        part.End();
    }

    /// <summary>Checks that all of it was read.</summary>
    /// <exception cref="InvalidDataException">Something is left.</exception>
    public void End()
    {
        if (!_left.IsEmpty)
        {
            throw new InvalidDataException($"{what} has {_left.Length} bytes more than are known");
        }
    }

    /// <summary>Number of bytes that make a length one of whole words.</summary>
    internal static int Fill(int length) => -length & (sizeof(ulong) - 1);
}
