using System.Buffers.Binary;
using Makatea.Platform;

namespace Makatea.NvmeModel;

/// <summary>
/// An NVMe controller in memory, for the faults that no other model has. It does its work within the write of a doorbell. Its constants are its own, so that it does not share
/// the driver's mistakes.
/// </summary>
public sealed partial class ModelController : RegisterBus
{
    public const ulong BarLength = 0x4000;

    private readonly Lock _lock = new();
    private readonly Dictionary<int, ModelQueue> _queues = [];
    private readonly Dictionary<int, (MemorySegment Memory, int Vector)> _completionQueues = [];
    private uint _configuration;
    private uint _status;
    private uint _adminSize;
    private ulong _adminSubmissions;
    private ulong _adminCompletions;

    public ModelDmaSpace Space { get; } = new();

    /// <summary>To be set before the driver starts.</summary>
    public ModelFunction Function { get; set; } = null!;

    /// <summary>CAP: 1024 entries, contiguous, 1 s to get ready, NVM command set.</summary>
    public ulong Capabilities { get; set; } = 1023 | (1ul << 16) | (2ul << 24) | (1ul << 37);

    public uint Version { get; set; } = 0x0002_0100;

    public bool IsGone { get; set; }

    public bool NeverReady { get; set; }

    /// <summary>RDY stays set.</summary>
    public bool NeverStops { get; set; }

    /// <summary>CSTS.CFS comes up with the next enable.</summary>
    public bool IsFatalAtStart { get; set; }

    /// <summary>Admin commands get no answer.</summary>
    public bool IsDeaf { get; set; }

    public int Starts { get; private set; }

    public bool WasShutDown { get; private set; }

    /// <summary>Register writes of doorbells of I/O submission queues.</summary>
    public int SubmissionDoorbells { get; private set; }

    /// <summary>Register writes of doorbells of I/O completion queues.</summary>
    public int CompletionDoorbells { get; private set; }

    /// <summary>I/O commands are completed and not done: what the driver alone costs.</summary>
    public bool DoesNothing { get; set; }

    /// <summary>Decides over each I/O command.</summary>
    public Func<ModelIo, ModelFault>? OnIo { get; set; }

    /// <summary>Status of each I/O command; 0 does it.</summary>
    public Func<ModelIo, int>? StatusOf { get; set; }

    public List<ModelNamespace> Disks { get; } = [];

    public override ulong Read(ulong address, int width)
    {
        lock (_lock)
        {
            if (IsGone)
            {
                return ulong.MaxValue >> (64 - (8 * width));
            }

            return address switch
            {
                0x00 => width == 8 ? Capabilities : (uint)Capabilities,
                0x04 => Capabilities >> 32,
                0x08 => Version,
                0x14 => _configuration,
                0x1c => _status,
                _ => 0,
            };
        }
    }

    public override void Write(ulong address, int width, ulong value)
    {
        lock (_lock)
        {
            if (IsGone)
            {
                return;
            }

            switch (address)
            {
                case 0x14:
                    Configure((uint)value);
                    break;
                case 0x24:
                    _adminSize = (uint)value;
                    break;
                case 0x28:
                    _adminSubmissions = value;
                    break;
                case 0x30:
                    _adminCompletions = value;
                    break;
                case >= 0x1000:
                    Ring((int)((address - 0x1000) / 8), isHead: (address & 4) != 0, (int)value);
                    break;
            }
        }
    }

    /// <summary>Does something between two commands.</summary>
    public void Locked(Action action)
    {
        lock (_lock)
        {
            action();
        }
    }

    /// <summary>Reports fatal status from here on.</summary>
    public void Die()
    {
        lock (_lock)
        {
            _status |= 2;
        }
    }

    /// <summary>As after power came: off, with nothing of before.</summary>
    internal void PowerOn()
    {
        lock (_lock)
        {
            _configuration = 0;
            _status = 0;
            NeverStops = false;
            Stop();
        }
    }

    private void Configure(uint value)
    {
        uint before = _configuration;
        _configuration = value;
        if ((value & 1) != 0 && (before & 1) == 0)
        {
            Start();
        }
        else if ((value & 1) == 0 && (before & 1) != 0)
        {
            Stop();
            _status = NeverStops ? 1u : 0;
        }

        if ((value & 0xc000) != 0)
        {
            WasShutDown = true;
            _status = (_status & ~0xcu) | 8;
        }
    }

    private void Start()
    {
        Starts++;
        if (IsFatalAtStart)
        {
            _status = 2;
            return;
        }

        if (NeverReady)
        {
            return;
        }

        _status = 1;
        if (_adminSubmissions == 0)
        {
            return; // As firmware may leave it.
        }

        _queues[0] = new ModelQueue(
            Space.Resolve(_adminSubmissions, (int)((_adminSize & 0xfff) + 1) * 64), Space.Resolve(_adminCompletions, (int)((_adminSize >> 16) + 1) * 16), 0);
    }

    private void Stop()
    {
        _queues.Clear();
        _completionQueues.Clear();
        _held.Clear();
        _eventRequests.Clear();
        _shadows = null;
    }

    private void Ring(int index, bool isHead, int value)
    {
        if (!_queues.TryGetValue(index, out ModelQueue? queue) || (_status & 2) != 0 || !Function.IsBusMaster)
        {
            return;
        }

        if (isHead)
        {
            CompletionDoorbells += index == 0 ? 0 : 1;
            return;
        }

        queue.Tail = queue.Shadow is { } shadow ? (int)BinaryPrimitives.ReadUInt32LittleEndian(Space.Resolve(shadow.Tail, 4).AsSpan()) : value;
        if (index == 0)
        {
            while (!IsDeaf && _queues.ContainsKey(0) && queue.TryTake(out ReadOnlySpan<byte> entry))
            {
                Administer(queue, entry);
            }

            return;
        }

        SubmissionDoorbells++;
        Serve(index, queue);
        if (queue.Shadow is { } used)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(Space.Resolve(used.TailEvent, 4).AsSpan(), (uint)queue.Tail);
        }
    }
}
