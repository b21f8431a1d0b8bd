using System.Buffers.Binary;

namespace Makatea.NetStack;

/// <summary>
/// Reads messages. Nothing is read beyond the message; a compressed name leads only further back, so that it ends ([RFC 1035] 4.1.4); names, records and the size of what is made of them are
/// bounded.
/// </summary>
internal ref struct DnsReader(ReadOnlySpan<byte> message)
{
    private const int MaximumRecords = 1024;
    private const int MaximumData = 65535;
    private const uint MaximumTtl = 7 * 86400;

    private readonly ReadOnlySpan<byte> _message = message;
    private int _offset;
    private int _data;

    /// <summary>Reads a message with one question.</summary>
    /// <returns>False where it is malformed, has more questions, or more in it than anybody needs.</returns>
    internal static bool TryRead(ReadOnlySpan<byte> message, out DnsMessage result)
    {
        result = null!;
        if (message.Length < DnsMessage.HeaderLength || BinaryPrimitives.ReadUInt16BigEndian(message[4..]) != 1)
        {
            return false;
        }

        int answers = BinaryPrimitives.ReadUInt16BigEndian(message[6..]);
        int authorities = BinaryPrimitives.ReadUInt16BigEndian(message[8..]);
        int additional = BinaryPrimitives.ReadUInt16BigEndian(message[10..]);
        var reader = new DnsReader(message) { _offset = DnsMessage.HeaderLength };
        if (answers + authorities + additional > MaximumRecords || !reader.TryReadName(out DnsName name) || message.Length - reader._offset < 4)
        {
            return false;
        }

        var question = new DnsQuestion(name, BinaryPrimitives.ReadUInt16BigEndian(message[reader._offset..]), BinaryPrimitives.ReadUInt16BigEndian(message[(reader._offset + 2)..]));
        reader._offset += 4;
        if (!reader.TryReadRecords(answers, out List<DnsRecord> answerRecords) || !reader.TryReadRecords(authorities, out List<DnsRecord> authorityRecords)
            || !reader.TryReadRecords(additional, out List<DnsRecord> additionalRecords))
        {
            return false;
        }

        result = new()
        {
            Id = BinaryPrimitives.ReadUInt16BigEndian(message),
            Flags = (DnsFlags)BinaryPrimitives.ReadUInt16BigEndian(message[2..]),
            Question = question,
            Answers = answerRecords,
            Authorities = authorityRecords,
            Extension = additionalRecords.Find(record => record.Type == DnsType.Opt) is { } opt
                ? new(opt.Class, (byte)(opt.Ttl >> 16), (opt.Ttl & 0x8000) != 0, (byte)(opt.Ttl >> 24))
                : null,
        };
        return true;
    }

    private bool TryReadRecords(int count, out List<DnsRecord> records)
    {
        records = new(count);
        for (int i = 0; i < count; i++)
        {
            if (!TryReadRecord(out DnsRecord record))
            {
                return false;
            }

            records.Add(record);
        }

        return true;
    }

    private bool TryReadRecord(out DnsRecord record)
    {
        record = null!;
        if (!TryReadName(out DnsName owner) || _message.Length - _offset < 10)
        {
            return false;
        }

        ReadOnlySpan<byte> fields = _message[_offset..];
        ushort type = BinaryPrimitives.ReadUInt16BigEndian(fields);
        uint ttl = BinaryPrimitives.ReadUInt32BigEndian(fields[4..]);
        int length = BinaryPrimitives.ReadUInt16BigEndian(fields[8..]);
        _offset += 10;
        if (length > _message.Length - _offset || !TryReadData(type, _offset + length, out byte[] data) || (_data += data.Length) > MaximumData)
        {
            return false;
        }

        // A lifetime with its highest bit set is none ([RFC 2181] 8); the OPT record's is not a lifetime.
        ttl = type == DnsType.Opt ? ttl : ttl > int.MaxValue ? 0 : Math.Min(ttl, MaximumTtl);
        record = new(owner, type, BinaryPrimitives.ReadUInt16BigEndian(fields[2..]), ttl, data);
        return true;
    }

    // The types whose data may hold compressed names ([RFC 3597] 4): bytes in front, names, bytes behind. All other data are taken as they are.
    private bool TryReadData(ushort type, int end, out byte[] data)
    {
        (int before, int names, int after) = type switch
        {
            DnsType.A => (4, 0, 0),
            DnsType.Aaaa => (16, 0, 0),
            DnsType.Ns or DnsType.Cname or DnsType.Ptr or DnsType.Dname => (0, 1, 0),
            DnsType.Soa => (0, 2, 20),
            DnsType.Mx or DnsType.Afsdb => (2, 1, 0),
            DnsType.Srv => (6, 1, 0),
            DnsType.Rp => (0, 2, 0),
            _ => (end - _offset, 0, 0),
        };

        Span<byte> buffer = stackalloc byte[before <= 16 ? before + (names * DnsName.MaximumLength) + after : 0];
        int length = 0;
        data = [];
        if (before > 16)
        {
            data = _message[_offset..end].ToArray();
            _offset = end;
            return true;
        }

        if (!TryCopy(before, end, buffer, ref length))
        {
            return false;
        }

        for (; names > 0; names--)
        {
            if (!TryReadName(out DnsName name))
            {
                return false;
            }

            name.Wire.CopyTo(buffer[length..]);
            length += name.Wire.Length;
        }

        if (!TryCopy(after, end, buffer, ref length) || _offset != end)
        {
            return false;
        }

        data = buffer[..length].ToArray();
        return true;
    }

    private bool TryCopy(int count, int end, scoped Span<byte> buffer, ref int length)
    {
        if (count > end - _offset)
        {
            return false;
        }

        _message.Slice(_offset, count).CopyTo(buffer[length..]);
        (_offset, length) = (_offset + count, length + count);
        return true;
    }

    private bool TryReadName(out DnsName name)
    {
        name = DnsName.Root;
        Span<byte> wire = stackalloc byte[DnsName.MaximumLength];
        int length = 0;
        int at = _offset;
        int end = -1; // behind the name's first pointer
        int floor = at; // a pointer leads in front of where the labels at hand began
        while (at < _message.Length)
        {
            int label = _message[at];
            if (label >= 0xc0)
            {
                int target = at + 1 < _message.Length ? ((label & 0x3f) << 8) | _message[at + 1] : int.MaxValue;
                if (target >= floor)
                {
                    return false;
                }

                end = end < 0 ? at + 2 : end;
                (at, floor) = (target, target);
                continue;
            }

            if (label > DnsName.MaximumLabel || length + label + 1 > DnsName.MaximumLength || label + 1 > _message.Length - at)
            {
                return false;
            }

            _message.Slice(at, label + 1).CopyTo(wire[length..]);
            (at, length) = (at + label + 1, length + label + 1);
            if (label == 0)
            {
                _offset = end < 0 ? at : end;
                name = new(wire[..length]);
                return true;
            }
        }

        return false;
    }
}
