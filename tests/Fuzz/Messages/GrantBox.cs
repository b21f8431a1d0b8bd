using Makatea.Platform;
using Makatea.Platform.Linux;

namespace Makatea.Fuzz.Messages;

/// <summary>What a hostile front end has to give: memory, sealed or not, doorbells, channels and files that are none of them.</summary>
internal sealed class GrantBox : IDisposable
{
    public const ulong GuestAddress = 0x10_0000;
    public const ulong UserAddress = 0x7f00_0000_0000;
    public const ulong MemoryLength = 0x1_0000;

    private readonly LinuxHost _host;
    private readonly List<IDisposable> _session = [];
    private readonly Doorbell _bell;
    private readonly Grant _sealed;
    private readonly MappedMemory _sealedView;
    private readonly Grant _bellGrant;
    private readonly Grant _nothing;
    private readonly Grant _channel;
    private readonly MessageChannel _channelEnd;
    private FileStream? _unsealed;

    public GrantBox(LinuxHost host)
    {
        _host = host;
        _bell = host.CreateDoorbell();
        _bellGrant = host.ShareDoorbell(_bell, DoorbellEnd.Ring);
        _sealed = host.CreateMemory("guest", MemoryLength);
        _sealedView = _sealed.Map(0, MemoryLength, MemoryAccess.ReadWrite);
        _nothing = new LinuxGrant(File.OpenHandle("/dev/null", FileMode.Open, FileAccess.ReadWrite));
        _channelEnd = host.CreateChannel(out _channel);
        Memory = _sealed;
    }

    /// <summary>The memory of this session.</summary>
    public Grant Memory { get; private set; }

    /// <summary>Makes what a new session needs.</summary>
    public void Renew(FuzzInput input)
    {
        foreach (IDisposable owned in _session)
        {
            owned.Dispose();
        }

        _session.Clear();
        _unsealed = null;
        Memory = _sealed;
        Span<byte> ring = _sealedView.Slice(0, (int)MemoryLength).AsSpan();
        ring.Clear();
        WriteRings();
        if (input.OneIn(8))
        {
            // A file that can be taken away: not a memfd of the host's, which is sealed.
            string path = Path.Combine("/dev/shm", $"makatea-fuzz-{Environment.ProcessId}");
            _unsealed = new FileStream(path, FileMode.Create, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0, FileOptions.DeleteOnClose);
            _unsealed.Write(ring);
            Memory = new LinuxGrant(File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete));
            _session.Add(Memory);
            _session.Add(_unsealed);
        }
    }

    /// <summary>Changes memory, takes it away or kicks, while the back end works.</summary>
    public void Disturb(FuzzInput input)
    {
        switch (input.Byte() % 16)
        {
            case 0 or 1:
                _sealedView.Slice(0, (int)MemoryLength).WriteByte(input.UInt16(), input.Byte());
                break;
            case 2 or 3:
                _bell.Ring();
                break;
            case 4 when _unsealed is not null && input.OneIn(4):
                _unsealed.SetLength(input.OneIn(2) ? 0 : 4096);
                break;
            default:
                break;
        }
    }

    public Grant Doorbell() => _bellGrant;

    public Grant Kick()
    {
        _bell.Ring();
        return _bellGrant;
    }

    public Grant Any(FuzzInput input) => (input.Byte() % 5) switch
    {
        0 => _bellGrant,
        1 => _sealed,
        2 => Memory,
        3 => _channel,
        _ => _nothing,
    };

    public void Dispose()
    {
        foreach (IDisposable owned in _session.Concat([_bell, _bellGrant, _sealed, _sealedView, _nothing, _channel, _channelEnd]))
        {
            owned.Dispose();
        }
    }

    /// <summary>Leaves a read in each ring, split and packed at once, for the back end to find when it starts them.</summary>
    private void WriteRings()
    {
        for (ulong ring = 0; ring < 2; ring++)
        {
            ulong at = ring * 0x4000;
            SharedMemory memory = new(_sealedView.Slice(0, (int)MemoryLength));
            ulong data = GuestAddress + 0x8000;

            // Header, data and status; flags with NEXT and, for packed rings, AVAIL.
            Write(memory, at, data, 16, 1, 1);
            Write(memory, at + 16, data + 512, 512, 1 | 2, 2);
            Write(memory, at + 32, data + 1024, 1, 2, 0);
            memory.ReleaseUInt16((nuint)(at + 0x1000 + 2), 1);
        }
    }

    private static void Write(SharedMemory memory, ulong at, ulong address, uint length, ushort flags, ushort next)
    {
        // For split rings the last two bytes are "next", for packed ones the flags; 0x80 as "next" of 128 would be out of range.
        memory.ReleaseUInt64((nuint)at, address);
        memory.ReleaseUInt64((nuint)(at + 8), length | ((ulong)flags << 32) | ((ulong)next << 48));
    }
}
