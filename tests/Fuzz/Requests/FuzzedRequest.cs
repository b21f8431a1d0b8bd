using System.Buffers.Binary;
using Makatea.Virtio.Testing;

namespace Makatea.Fuzz.Requests;

/// <summary>One request, in any framing, and what has to come of it.</summary>
internal sealed class FuzzedRequest
{
    private readonly List<GuestSegment> _segments = [];
    private GuestBuffer _place;
    private int _used;
    private BlkRequestType _type;
    private ulong _sector;
    private int _dataStart;
    private int _dataLength;
    private int _statusAt;

    /// <summary>Its elements.</summary>
    public GuestSegment[] Segments { get; private set; } = [];

    /// <summary>How many of them the device reads.</summary>
    public int Readable { get; private set; }

    /// <summary>The request has a header, data in the direction of its type, and a status.</summary>
    public bool IsWellFormed { get; private set; }

    /// <summary>The standard says what is on the disk afterwards; not so of requests that are malformed, discard or erase.</summary>
    public bool IsPredictable => IsWellFormed && _type is not (BlkRequestType.Discard or BlkRequestType.SecureErase);

    /// <summary>What the device said that it wrote.</summary>
    public uint Written { get; set; }

    /// <summary>Makes another one in <paramref name="place"/>.</summary>
    public void Make(FuzzInput input, GuestBuffer place, uint diskSectors)
    {
        _place = place;
        _used = 0;
        _segments.Clear();
        IsWellFormed = !input.OneIn(16);
        if (IsWellFormed)
        {
            MakeWellFormed(input, diskSectors);
        }
        else
        {
            MakeAny(input);
        }

        Segments = [.. _segments];
    }

    /// <summary>Checks the outcome, and does to the disk that is expected what the device should have done.</summary>
    /// <param name="expected">The disk as all requests before leave it.</param>
    /// <param name="predictable">Whether that is known.</param>
    /// <returns>The status.</returns>
    public byte Check(Span<byte> expected, bool predictable)
    {
        if (!IsWellFormed)
        {
            // The last writable byte is the status, wherever it is.
            return _place.AsSpan()[(int)(Segments[^1].Address - _place.Address) + (int)Segments[^1].Length - 1];
        }

        byte status = _place.AsSpan()[_statusAt];
        Span<byte> data = _place.AsSpan().Slice(_dataStart, _dataLength);
        ulong sectors = (ulong)expected.Length / 512;
        switch (_type)
        {
            case BlkRequestType.Read or BlkRequestType.Write:
                bool good = _dataLength != 0 && _dataLength % 512 == 0 && _sector <= sectors && (ulong)_dataLength / 512 <= sectors - _sector;
                FuzzException.ThrowUnless(status == (good ? 0 : 1), $"{_type} of {_dataLength} bytes at sector {_sector} ended with {status}");
                if (good && _type == BlkRequestType.Read)
                {
                    FuzzException.ThrowUnless(!predictable || data.SequenceEqual(expected.Slice((int)_sector * 512, _dataLength)), $"a read of sector {_sector} brought something else");
                    FuzzException.ThrowUnless(Written == _dataLength + 1, $"a read of {_dataLength} bytes says that {Written} were written");
                }
                else if (good)
                {
                    data.CopyTo(expected[((int)_sector * 512)..]);
                }

                break;
            case BlkRequestType.Flush:
                FuzzException.ThrowUnless(status == 0, $"a flush ended with {status}");
                break;
            case BlkRequestType.Discard or BlkRequestType.WriteZeroes or BlkRequestType.SecureErase when status == 0:
                CheckRange(data, expected, sectors);
                break;
            default:
                break;
        }

        return status;
    }

    private void CheckRange(ReadOnlySpan<byte> range, Span<byte> expected, ulong sectors)
    {
        FuzzException.ThrowUnless(range.Length == 16, $"a range of {range.Length} bytes was taken");
        ulong sector = BinaryPrimitives.ReadUInt64LittleEndian(range);
        uint count = BinaryPrimitives.ReadUInt32LittleEndian(range[8..]);
        FuzzException.ThrowUnless(sector <= sectors && count <= sectors - sector, $"a range of {count} sectors at {sector} was taken");
        if (_type == BlkRequestType.WriteZeroes)
        {
            expected.Slice((int)sector * 512, (int)count * 512).Clear();
        }
    }

    private void MakeWellFormed(FuzzInput input, uint diskSectors)
    {
        _type = input.OneIn(16)
            ? (BlkRequestType)input.Odd()
            : input.Pick<BlkRequestType>(
            [
                BlkRequestType.Read, BlkRequestType.Read, BlkRequestType.Write, BlkRequestType.Write, BlkRequestType.Flush, BlkRequestType.GetId,
                BlkRequestType.GetLifetime, BlkRequestType.Discard, BlkRequestType.WriteZeroes, BlkRequestType.SecureErase,
            ]);
        _sector = input.OneIn(16) ? input.Odd() : input.Byte() % (diskSectors + 2);
        bool isRead = _type is BlkRequestType.Read or BlkRequestType.GetId or BlkRequestType.GetLifetime;
        bool isRange = _type is BlkRequestType.Discard or BlkRequestType.WriteZeroes or BlkRequestType.SecureErase;
        int header = Take(16);
        Span<byte> bytes = _place.AsSpan().Slice(header, 16);
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, (uint)_type);
        BinaryPrimitives.WriteUInt64LittleEndian(bytes[8..], _sector);
        Add(input, header, 16);

        int length = _type switch
        {
            BlkRequestType.Flush => 0,
            BlkRequestType.GetId => 20,
            BlkRequestType.GetLifetime => 6,
            _ when isRange => 16,
            _ => 512 * input.Below(12),
        };
        _dataLength = input.OneIn(16) ? input.Below(6000) : length;
        _dataStart = Take(_dataLength);
        if (isRange && _dataLength >= 16)
        {
            Span<byte> range = _place.AsSpan().Slice(_dataStart, 16);
            BinaryPrimitives.WriteUInt64LittleEndian(range, input.OneIn(8) ? input.Odd() : input.Byte() % (diskSectors + 2));
            BinaryPrimitives.WriteUInt32LittleEndian(range[8..], input.OneIn(8) ? (uint)input.Odd() : input.Byte() % 16u);
            BinaryPrimitives.WriteUInt32LittleEndian(range[12..], input.OneIn(8) ? (uint)input.Odd() : input.Byte() & 1u);
        }

        if (!isRead)
        {
            Add(input, _dataStart, _dataLength);
        }

        Readable = _segments.Count;
        _statusAt = Take(1);
        if (isRead)
        {
            // The status may share a piece with the end of the data.
            Add(input, _dataStart, _dataLength + 1);
        }
        else
        {
            Add(input, _statusAt, 1);
        }
    }

    /// <summary>Any elements at all; at least one of them for the device to write, so that there is a last byte.</summary>
    private void MakeAny(FuzzInput input)
    {
        int count = 1 + input.Below(6);
        Readable = input.Below(count);
        for (int i = 0; i < count; i++)
        {
            int length = input.Pick<int>([1, 4, 8, 15, 16, 17, 20, 511, 512, 513, 1024]);
            int start = Take(length);
            if (i == 0 && length >= 4)
            {
                BinaryPrimitives.WriteUInt32LittleEndian(_place.AsSpan()[start..], input.Byte() % 16u);
            }

            _segments.Add(new GuestSegment(_place.Address + (uint)start, (uint)length));
        }
    }

    private int Take(int length)
    {
        _used += length;
        return _used - length;
    }

    /// <summary>Adds bytes as one element or several.</summary>
    private void Add(FuzzInput input, int start, int length)
    {
        while (length != 0)
        {
            int piece = input.OneIn(4) && _segments.Count < 20 ? 1 + input.Below(length) : length;
            _segments.Add(new GuestSegment(_place.Address + (uint)start, (uint)piece));
            start += piece;
            length -= piece;
        }
    }
}
