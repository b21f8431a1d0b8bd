using System.Buffers.Binary;
using Makatea.Platform;

namespace Makatea.NvmeModel;

/// <content>I/O commands.</content>
public sealed partial class ModelController
{
    private readonly HashSet<(int Queue, ushort Id)> _held = [];

    private readonly List<MemorySegment> _pieces = new(1024);

    /// <summary>Commands that were done, by opcode.</summary>
    public Dictionary<byte, int> Done { get; } = [];

    /// <summary>Commands whose data was described by an SGL.</summary>
    public int SglCommands { get; private set; }

    /// <summary>CDW12 of the last Write Zeroes.</summary>
    public uint LastZeroes { get; private set; }

    private void Serve(int index, ModelQueue queue)
    {
        bool raises = false;
        while (queue.TryTake(out ReadOnlySpan<byte> entry))
        {
            ushort id = (ushort)(Dword(entry, 0) >> 16);
            if (DoesNothing)
            {
                queue.Complete(index, id, 0);
                raises = true;
                continue;
            }

            raises |= Serve(index, queue, entry, id);
        }

        if (raises)
        {
            Raise(queue);
        }
    }

    private bool Serve(int index, ModelQueue queue, ReadOnlySpan<byte> entry, ushort id)
    {
        var io = new ModelIo(index, id, entry[0], Dword(entry, 1), Quad(entry, 10), (Dword(entry, 12) & 0xffff) + 1);
        ModelFault fault = OnIo?.Invoke(io) ?? ModelFault.None;
        switch (fault)
        {
            case ModelFault.Hold:
                _held.Add((index, id));
                return false;
            case ModelFault.Die:
                _status |= 2;
                return false;
        }

        int status = StatusOf?.Invoke(io) ?? 0;
        uint ended = (uint)(status != 0 ? status : Do(io, entry));
        switch (fault)
        {
            case ModelFault.LoseCompletion:
                return false;
            case ModelFault.UnknownId:
                queue.Complete(index, 0x0ffe, ended);
                return true;
            case ModelFault.CompleteTwice:
                queue.Complete(index, id, ended);
                break;
            case ModelFault.WrongQueue:
                queue.Complete(index + 1, id, ended);
                return true;
            case ModelFault.WrongHead:
                queue.Complete(index, id, ended, head: 0xffff);
                return true;
        }

        queue.Complete(index, id, ended);
        if (fault == ModelFault.FlipPhases)
        {
            queue.FlipPhases();
        }

        return fault != ModelFault.LoseInterrupt;
    }

    private void Raise(ModelQueue queue)
    {
        if (queue.Vector >= 0)
        {
            Function.Raise(queue.Vector);
        }
    }

    private int Do(ModelIo io, ReadOnlySpan<byte> entry)
    {
        Done[io.Opcode] = Done.GetValueOrDefault(io.Opcode) + 1;
        if (io.Namespace == 0 || io.Namespace > Disks.Count)
        {
            return 0x00b;
        }

        ModelNamespace disk = Disks[(int)io.Namespace - 1];
        if (io.Opcode is 0)
        {
            return 0;
        }

        if (io.Opcode is 9)
        {
            return Deallocate(disk, entry);
        }

        ulong blocks = (ulong)disk.Bytes.Length >> disk.BlockShift;
        if (io.Block >= blocks || io.Blocks > blocks - io.Block)
        {
            return 0x080;
        }

        Span<byte> bytes = disk.Bytes.AsSpan((int)(io.Block << disk.BlockShift), (int)(io.Blocks << disk.BlockShift));
        if (io.Opcode is 8)
        {
            LastZeroes = Dword(entry, 12);
            bytes.Clear();
            return 0;
        }

        if (bytes.Length > 4096 << MaxTransferShift)
        {
            return 0x002;
        }

        bool isEqual = true;
        foreach (MemorySegment piece in Pieces(entry, bytes.Length))
        {
            Span<byte> part = bytes[..piece.Length];
            bytes = bytes[piece.Length..];
            switch (io.Opcode)
            {
                case 1:
                    piece.AsSpan().CopyTo(part);
                    break;
                case 2:
                    part.CopyTo(piece.AsSpan());
                    break;
                case 5:
                    isEqual &= part.SequenceEqual(piece.AsSpan());
                    break;
            }
        }

        return isEqual ? 0 : 0x285;
    }

    private int Deallocate(ModelNamespace disk, ReadOnlySpan<byte> entry)
    {
        ReadOnlySpan<byte> range = Space.Resolve(Quad(entry, 6), 16).AsSpan();
        ulong first = BinaryPrimitives.ReadUInt64LittleEndian(range[8..]) << disk.BlockShift;
        ulong length = (ulong)BinaryPrimitives.ReadUInt32LittleEndian(range[4..]) << disk.BlockShift;
        if (Dword(entry, 11) != 4 || first + length > (ulong)disk.Bytes.Length)
        {
            return 0x080;
        }

        disk.Bytes.AsSpan((int)first, (int)length).Fill(0xdd);
        return 0;
    }

    private List<MemorySegment> Pieces(ReadOnlySpan<byte> entry, int length)
    {
        List<MemorySegment> pieces = _pieces;
        pieces.Clear();
        if ((entry[1] & 0xc0) != 0)
        {
            SglCommands++;
            ReadOnlySpan<byte> descriptors = entry.Slice(24, 16);
            if (descriptors[15] == 0x30)
            {
                descriptors = Space.Resolve(Quad(entry, 6), (int)Dword(entry, 8)).AsSpan();
            }

            for (; !descriptors.IsEmpty; descriptors = descriptors[16..])
            {
                pieces.Add(Space.Resolve(Quad(descriptors, 0), (int)Dword(descriptors, 2)));
            }
        }
        else
        {
            AddPages(pieces, entry, length);
        }

        long described = 0;
        foreach (MemorySegment piece in pieces)
        {
            described += piece.Length;
        }

        return described == length ? pieces : throw new InvalidOperationException("the data pointer names another number of bytes than the command has");
    }

    private void AddPages(List<MemorySegment> pieces, ReadOnlySpan<byte> entry, int length)
    {
        ulong first = Quad(entry, 6);
        ulong second = Quad(entry, 8);
        int inFirst = Math.Min(length, 4096 - (int)(first & 4095));
        pieces.Add(Space.Resolve(first, inFirst));
        int left = length - inFirst;
        if (left is > 0 and <= 4096)
        {
            Assert((second & 4095) == 0);
            pieces.Add(Space.Resolve(second, left));
            return;
        }

        Assert((second & 4095) + ((ulong)((left + 4095) / 4096) * 8) <= 4096);
        for (int i = 0; left > 0; i++)
        {
            ulong page = BinaryPrimitives.ReadUInt64LittleEndian(Space.Resolve(second + ((ulong)i * 8), 8).AsSpan());
            Assert((page & 4095) == 0);
            pieces.Add(Space.Resolve(page, Math.Min(left, 4096)));
            left -= 4096;
        }
    }

    private static void Assert(bool condition)
    {
        if (!condition)
        {
            throw new InvalidOperationException("a list of pages breaks the standard");
        }
    }
}
