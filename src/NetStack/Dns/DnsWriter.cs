using System.Buffers.Binary;

namespace Makatea.NetStack;

/// <summary>Writes messages. Owners that were written before are referred to; names in data are written out.</summary>
internal ref struct DnsWriter(Span<byte> buffer)
{
    private const int MaximumPointer = 0x3fff;
    private const int OptLength = 11;

    private readonly Span<byte> _buffer = buffer;
    private readonly List<(DnsName Name, int Offset)> _names = [];
    private int _length;

    /// <summary>Writes a query or a response.</summary>
    /// <param name="message">What to write.</param>
    /// <param name="buffer">Where to; as long as the message may get.</param>
    /// <returns>Its length. Where it does not fit, only its head with <see cref="DnsFlags.Truncated"/>; 0 where not even that does.</returns>
    internal static int Write(DnsMessage message, Span<byte> buffer)
    {
        var writer = new DnsWriter(buffer);
        if (writer.TryWriteHead(message, message.Answers.Count, message.Authorities.Count) && writer.TryWriteRecords(message.Answers) && writer.TryWriteRecords(message.Authorities)
            && writer.TryWriteExtension(message.Extension))
        {
            return writer._length;
        }

        writer = new(buffer);
        if (!writer.TryWriteHead(message, 0, 0) || !writer.TryWriteExtension(message.Extension))
        {
            return 0;
        }

        BinaryPrimitives.WriteUInt16BigEndian(buffer[2..], (ushort)(message.Flags | DnsFlags.Truncated));
        return writer._length;
    }

    private bool TryWriteHead(DnsMessage message, int answers, int authorities)
    {
        if (_buffer.Length < DnsMessage.HeaderLength)
        {
            return false;
        }

        BinaryPrimitives.WriteUInt16BigEndian(_buffer, message.Id);
        BinaryPrimitives.WriteUInt16BigEndian(_buffer[2..], (ushort)message.Flags);
        BinaryPrimitives.WriteUInt16BigEndian(_buffer[4..], 1);
        BinaryPrimitives.WriteUInt16BigEndian(_buffer[6..], (ushort)answers);
        BinaryPrimitives.WriteUInt16BigEndian(_buffer[8..], (ushort)authorities);
        BinaryPrimitives.WriteUInt16BigEndian(_buffer[10..], (ushort)(message.Extension is null ? 0 : 1));
        _length = DnsMessage.HeaderLength;
        return TryWriteName(message.Question.Name) && TryWrite16(message.Question.Type) && TryWrite16(message.Question.Class);
    }

    private bool TryWriteRecords(IReadOnlyList<DnsRecord> records)
    {
        foreach (DnsRecord record in records)
        {
            if (!TryWriteName(record.Owner) || !TryWrite16(record.Type) || !TryWrite16(record.Class) || !TryWrite16((ushort)(record.Ttl >> 16)) || !TryWrite16((ushort)record.Ttl)
                || !TryWrite16((ushort)record.Data.Length) || !TryWriteBytes(record.Data))
            {
                return false;
            }
        }

        return true;
    }

    private bool TryWriteExtension(DnsExtension? extension)
    {
        if (extension is not { } e)
        {
            return true;
        }

        if (_buffer.Length - _length < OptLength)
        {
            return false;
        }

        return TryWriteBytes([0]) && TryWrite16(DnsType.Opt) && TryWrite16(e.UdpSize) && TryWriteBytes([e.ExtendedCode, e.Version]) && TryWrite16((ushort)(e.IsDnssecOk ? 0x8000 : 0)) && TryWrite16(0);
    }

    private bool TryWriteName(DnsName name)
    {
        foreach ((DnsName written, int offset) in _names)
        {
            if (written.Equals(name))
            {
                return TryWrite16((ushort)(0xc000 | offset));
            }
        }

        if (_names.Count < 16 && _length <= MaximumPointer && name.Wire.Length > 2)
        {
            _names.Add((name, _length));
        }

        return TryWriteBytes(name.Wire);
    }

    private bool TryWrite16(ushort value) => TryWriteBytes([(byte)(value >> 8), (byte)value]);

    private bool TryWriteBytes(scoped ReadOnlySpan<byte> bytes)
    {
        if (!bytes.TryCopyTo(_buffer[_length..]))
        {
            return false;
        }

        _length += bytes.Length;
        return true;
    }
}
