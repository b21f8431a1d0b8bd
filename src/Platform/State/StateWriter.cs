using System.Buffers;
using System.Buffers.Binary;

namespace Makatea.Platform;

/// <summary>
/// State as a snapshot's file has it: little-endian words of 64 bits, and pieces of bytes behind their length, filled up to whole words. What reads it back is a <see cref="StateReader"/> that asks for the same in
/// the same order.
/// </summary>
public sealed class StateWriter
{
    private readonly ArrayBufferWriter<byte> _bytes = new();

    /// <summary>What was written.</summary>
    public ReadOnlyMemory<byte> Written => _bytes.WrittenMemory;

    /// <summary>Writes a word.</summary>
    public void Write(ulong word)
    {
        BinaryPrimitives.WriteUInt64LittleEndian(_bytes.GetSpan(sizeof(ulong)), word);
        _bytes.Advance(sizeof(ulong));
    }

    /// <summary>Writes a number that may be negative.</summary>
    public void Write(long number) => Write(unchecked((ulong)number));

    /// <summary>Writes a flag.</summary>
    public void Write(bool flag) => Write(flag ? 1ul : 0);

    /// <summary>Writes bytes, behind their number.</summary>
    public void Write(ReadOnlySpan<byte> bytes)
    {
        Write((ulong)bytes.Length);
        _bytes.Write(bytes);
        _bytes.Write(stackalloc byte[StateReader.Fill(bytes.Length)]);
    }

    /// <summary>Writes words, behind their number.</summary>
    public void Write(ReadOnlySpan<uint> words)
    {
        Write((ulong)words.Length);
        foreach (uint word in words)
        {
            Write((ulong)word);
        }
    }

    /// <summary>Writes a part under its name.</summary>
    public void Write(string name, Action<StateWriter> write)
    {
        ArgumentNullException.ThrowIfNull(write);
        var part = new StateWriter();
        write(part);
        Write(System.Text.Encoding.ASCII.GetBytes(name));
        Write(part.Written.Span);
    }
}
