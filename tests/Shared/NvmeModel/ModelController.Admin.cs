using System.Buffers.Binary;
using System.Text;
using Makatea.Platform;

namespace Makatea.NvmeModel;

/// <content>Admin commands.</content>
public sealed partial class ModelController
{
    private readonly Queue<ushort> _eventRequests = new();
    private (ulong Doorbells, ulong Events)? _shadows;

    /// <summary>I/O queues that are granted.</summary>
    public int QueueCount { get; set; } = 8;

    /// <summary>MDTS.</summary>
    public byte MaxTransferShift { get; set; } = 5;

    /// <summary>SGLS bits 1:0.</summary>
    public byte Sgls { get; set; }

    public bool HasShadowDoorbells { get; set; }

    /// <summary>ONCS.</summary>
    public ushort OptionalCommands { get; set; } = 0xd;

    public string Serial { get; set; } = "S1";

    /// <summary>Breaks Identify Controller.</summary>
    public Action<byte[]>? DescribeController { get; set; }

    /// <summary>Gives the list of namespaces instead.</summary>
    public Func<uint, uint[]>? ListNamespaces { get; set; }

    /// <summary>Log pages.</summary>
    public Func<byte, byte[]>? ReadLog { get; set; }

    /// <summary>Status of admin commands by opcode; 0 does it.</summary>
    public Func<byte, int>? AdminStatusOf { get; set; }

    /// <summary>Aborts that were asked for.</summary>
    public int Aborts { get; private set; }

    /// <summary>Abort ends a command that is held.</summary>
    public bool HonoursAbort { get; set; } = true;

    /// <summary>Completes admin commands with another identifier.</summary>
    public bool MixesUpAdmin { get; set; }

    /// <summary>Reports an event.</summary>
    public bool Report(byte kind, byte information, byte log)
    {
        lock (_lock)
        {
            if (!_eventRequests.TryDequeue(out ushort id))
            {
                return false;
            }

            _queues[0].Complete(0, id, 0, kind | ((uint)information << 8) | ((uint)log << 16));
            return true;
        }
    }

    private static uint Dword(ReadOnlySpan<byte> entry, int index) => BinaryPrimitives.ReadUInt32LittleEndian(entry[(4 * index)..]);

    private static ulong Quad(ReadOnlySpan<byte> entry, int dword) => BinaryPrimitives.ReadUInt64LittleEndian(entry[(4 * dword)..]);

    private void Administer(ModelQueue queue, ReadOnlySpan<byte> entry)
    {
        byte opcode = entry[0];
        ushort id = (ushort)(Dword(entry, 0) >> 16);
        if (opcode == 0x0c)
        {
            _eventRequests.Enqueue(id);
            return;
        }

        int status = AdminStatusOf?.Invoke(opcode) ?? 0;
        uint result = 0;
        if (status == 0)
        {
            (status, result) = opcode switch
            {
                0x06 => Identify(entry),
                0x02 => GetLog(entry),
                0x09 => (0, (entry[40] == 7) ? (uint)((QueueCount - 1) | ((QueueCount - 1) << 16)) : 0),
                0x0a => (0, 1u),
                0x05 => CreateCompletions(entry),
                0x01 => CreateSubmissions(entry),
                0x00 => (_queues.Remove((int)(Dword(entry, 10) & 0xffff)) ? 0 : 0x101, 0u),
                0x04 => (_completionQueues.Remove((int)(Dword(entry, 10) & 0xffff)) ? 0 : 0x101, 0u),
                0x08 => Abort(entry),
                0x7c => ShareDoorbells(entry),
                _ => (0x001, 0u),
            };
        }

        queue.Complete(0, MixesUpAdmin ? (ushort)(id ^ 0x55) : id, (uint)status, result);
    }

    private (int Status, uint Result) Identify(ReadOnlySpan<byte> entry)
    {
        uint namespaceId = Dword(entry, 1);
        byte[] data = new byte[4096];
        switch (entry[40])
        {
            case 0 when namespaceId >= 1 && namespaceId <= Disks.Count:
                data = Disks[(int)namespaceId - 1].Identify();
                break;
            case 1:
                FillController(data);
                break;
            case 2:
                uint[] list = ListNamespaces?.Invoke(namespaceId) ?? [.. Enumerable.Range(1, Disks.Count).Select(i => (uint)i).Where(i => i > namespaceId)];
                for (int i = 0; i < Math.Min(list.Length, 1024); i++)
                {
                    BinaryPrimitives.WriteUInt32LittleEndian(data.AsSpan(4 * i), list[i]);
                }

                break;
            case 6:
                break;
            default:
                return (0x00b, 0);
        }

        data.CopyTo(Space.Resolve(Quad(entry, 6), 4096).AsSpan());
        return (0, 0);
    }

    private void FillController(byte[] data)
    {
        Encoding.ASCII.GetBytes(Serial.PadRight(20)).CopyTo(data, 4);
        Encoding.ASCII.GetBytes("Model".PadRight(40)).CopyTo(data, 24);
        Encoding.ASCII.GetBytes("1.0".PadRight(8)).CopyTo(data, 64);
        data[77] = MaxTransferShift;
        BinaryPrimitives.WriteUInt32LittleEndian(data.AsSpan(80), Version);
        data[111] = 1;
        BinaryPrimitives.WriteUInt16LittleEndian(data.AsSpan(256), (ushort)(HasShadowDoorbells ? 1 << 8 : 0));
        data[259] = 3;
        data[262] = 7;
        data[512] = 0x66;
        data[513] = 0x44;
        BinaryPrimitives.WriteUInt32LittleEndian(data.AsSpan(516), (uint)Math.Max(Disks.Count, 1));
        BinaryPrimitives.WriteUInt16LittleEndian(data.AsSpan(520), OptionalCommands);
        data[525] = 1;
        data[536] = Sgls;
        DescribeController?.Invoke(data);
    }

    private (int Status, uint Result) GetLog(ReadOnlySpan<byte> entry)
    {
        int length = (int)((Dword(entry, 10) >> 16) + 1) * 4;
        byte[] log = ReadLog?.Invoke(entry[40]) ?? new byte[length];
        log.AsSpan(0, Math.Min(log.Length, length)).CopyTo(Space.Resolve(Quad(entry, 6), length).AsSpan());
        return (0, 0);
    }

    private (int Status, uint Result) CreateCompletions(ReadOnlySpan<byte> entry)
    {
        int id = (int)(Dword(entry, 10) & 0xffff);
        if (id == 0 || id > QueueCount || _completionQueues.ContainsKey(id))
        {
            return (0x101, 0);
        }

        uint flags = Dword(entry, 11);
        _completionQueues[id] = (Space.Resolve(Quad(entry, 6), (int)((Dword(entry, 10) >> 16) + 1) * 16), (flags & 2) != 0 ? (int)(flags >> 16) : -1);
        return (0, 0);
    }

    private (int Status, uint Result) CreateSubmissions(ReadOnlySpan<byte> entry)
    {
        int id = (int)(Dword(entry, 10) & 0xffff);
        if (_queues.ContainsKey(id) || !_completionQueues.TryGetValue((int)(Dword(entry, 11) >> 16), out (MemorySegment Memory, int Vector) completions))
        {
            return (0x100, 0);
        }

        MemorySegment memory = Space.Resolve(Quad(entry, 6), (int)((Dword(entry, 10) >> 16) + 1) * 64);
        _queues[id] = new ModelQueue(memory, completions.Memory, completions.Vector)
        {
            Shadow = _shadows is { } s ? (s.Doorbells + ((ulong)id * 8), s.Doorbells + ((ulong)id * 8) + 4, s.Events + ((ulong)id * 8)) : null,
        };
        return (0, 0);
    }

    private (int Status, uint Result) Abort(ReadOnlySpan<byte> entry)
    {
        Aborts++;
        (int Queue, ushort Id) named = ((int)(Dword(entry, 10) & 0xffff), (ushort)(Dword(entry, 10) >> 16));
        if (!HonoursAbort || !_held.Remove(named))
        {
            return (0, 1);
        }

        _queues[named.Queue].Complete(named.Queue, named.Id, 0x007);
        Raise(_queues[named.Queue]);
        return (0, 0);
    }

    private (int Status, uint Result) ShareDoorbells(ReadOnlySpan<byte> entry)
    {
        _shadows = (Quad(entry, 6), Quad(entry, 8));
        return (0, 0);
    }
}
