using Makatea.Platform;

namespace Makatea.Vmm.Snapshots;

/// <summary>A qube in a file, opened to be restored. The file is not trusted: what is read is checked before it is used, and a qube is not started from one that is damaged.</summary>
public sealed class Snapshot
{
    private readonly Stream _file;
    private readonly SnapshotHeader _header;
    private readonly ReadOnlyMemory<byte> _state;

    private Snapshot(Stream file, SnapshotHeader header, ReadOnlyMemory<byte> state)
    {
        _file = file;
        _header = header;
        _state = state;
        MachineState machine = default;
        var reader = new StateReader("the snapshot's state", state);
        reader.Read(MachineState.Name, part => machine = MachineState.Read(part));
        Machine = machine;
    }

    /// <summary>Bytes of the guest's memory.</summary>
    public ulong Memory => _header.Memory;

    /// <summary>Number of its processors.</summary>
    public int Processors => Machine.Processors;

    /// <summary>How it reaches its devices.</summary>
    public Virtio.VirtioTransport Transport => Machine.Transport;

    /// <summary>Number of its devices.</summary>
    public int Devices => Machine.Slots.Count;

    internal MachineState Machine { get; }

    /// <summary>Opens a snapshot.</summary>
    /// <param name="file">The file, which can be read anywhere and stays the caller's; open until the qube is made.</param>
    /// <exception cref="InvalidDataException">This is no snapshot, or it is damaged.</exception>
    /// <exception cref="IOException">It cannot be read.</exception>
    public static Snapshot Open(Stream file)
    {
        ArgumentNullException.ThrowIfNull(file);
        byte[] page = new byte[SnapshotHeader.Length];
        file.Position = 0;
        int there = file.ReadAtLeast(page, page.Length, throwOnEndOfStream: false);
        SnapshotHeader header = SnapshotHeader.Read(page.AsMemory(0, there), file.Length);
        byte[] state = new byte[header.State];
        file.Position = header.StateOffset;
        file.ReadExactly(state);
        uint checksum = Checksum.Of(state);
        return checksum == header.StateChecksum
            ? new Snapshot(file, header, state)
            : throw new InvalidDataException($"the snapshot's state is damaged: its checksum is 0x{checksum:x8}, and should be 0x{header.StateChecksum:x8}");
    }

    /// <summary>Writes one. The guest stands still.</summary>
    /// <param name="file">An empty file that can be written anywhere; stays the caller's.</param>
    /// <param name="memory">The guest's memory.</param>
    /// <param name="machine">What it is.</param>
    /// <param name="save">Writes the rest of the state.</param>
    internal static void Write(Stream file, GuestMemory memory, MachineState machine, Action<StateWriter> save)
    {
        ArgumentNullException.ThrowIfNull(file);
        (PageSet pages, uint checksum) = SnapshotMemory.Write(file, memory);
        var writer = new StateWriter();
        writer.Write(MachineState.Name, machine.Save);
        writer.Write("pages", pages.Save);
        save(writer);
        var header = new SnapshotHeader(SnapshotMemory.Length(memory), checksum, writer.Written.Length, Checksum.Of(writer.Written.Span));
        file.Position = header.StateOffset;
        file.Write(writer.Written.Span);
        file.Flush();
        file.Position = 0;
        file.Write(header.ToPage());
        file.Flush();
    }

    /// <summary>Reads memory and state back.</summary>
    /// <param name="memory">The guest's memory, all zeroes.</param>
    /// <param name="restore">Reads the rest of the state.</param>
    internal void Restore(GuestMemory memory, Action<StateReader> restore)
    {
        ulong length = SnapshotMemory.Length(memory);
        if (length != Memory)
        {
            throw new InvalidDataException($"the snapshot has {Memory} bytes of memory, and the qube has {length}");
        }

        var pages = new PageSet(SnapshotMemory.PageCount(memory));
        var reader = new StateReader("the snapshot's state", _state);
        reader.Read(MachineState.Name, part => MachineState.Read(part));
        reader.Read("pages", pages.Restore);
        uint checksum = SnapshotMemory.Read(_file, pages, memory);
        if (checksum != _header.MemoryChecksum)
        {
            throw new InvalidDataException($"the snapshot's memory is damaged: its checksum is 0x{checksum:x8}, and should be 0x{_header.MemoryChecksum:x8}");
        }

        restore(reader);
        reader.End();
    }
}
