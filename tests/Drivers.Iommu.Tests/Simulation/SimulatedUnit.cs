using Makatea.Drivers.Iommu.Registers;
using Makatea.Platform;

namespace Makatea.Drivers.Iommu.Tests;

/// <summary>
/// A remapping unit that caches as much as the standard allows, and forgets only what it is told: a page-selective invalidation drops a cached page only where it covers
/// all of it. It also fails as no model does.
/// </summary>
internal sealed class SimulatedUnit(SharedMemory ram) : RegisterBus
{
    private const ulong FaultRecordOffset = 0x400;
    private readonly Dictionary<ulong, ulong> _registers = [];
    private readonly Dictionary<ushort, (ushort Domain, ulong Table, int Levels)?> _contexts = [];
    private readonly List<(ushort Domain, ulong First, ulong Last, ulong Entry)> _translations = [];
    private int _head;

    /// <summary>4 levels, pages of 2 MiB and 1 GiB, page invalidation up to 2^18 pages, 16-bit domains, 2 fault records at 0x400.</summary>
    internal ulong Capability { get; set; } =
        6 | (6ul << 8) | (47ul << 16) | (FaultRecordOffset / 16 << 24) | (3ul << 34) | (1ul << 39) | (1ul << 40) | (18ul << 48) | (3ul << 54);

    /// <summary>Coherent, queue, interrupt remapping.</summary>
    internal ulong Extended { get; set; } = 0b1011;

    internal uint Version { get; set; } = 0x10;

    /// <summary>Does nothing any more.</summary>
    internal bool IsStuck { get; set; }

    /// <summary>Takes the next descriptor for one that is not valid.</summary>
    internal bool RefusesDescriptors { get; set; }

    /// <summary>Descriptors that were done, by type and granularity.</summary>
    internal List<string> Done { get; } = [];

    internal int WriteBufferFlushes { get; private set; }

    private uint Status { get; set; }

    private bool CachesNotPresent => (Capability & (1 << 7)) != 0;

    /// <summary>Translates as hardware does.</summary>
    /// <returns>The physical address; null where the request is blocked.</returns>
    internal ulong? Translate(ushort requester, ulong iova, bool isWrite)
    {
        if ((Status & VtdRegisters.Global.Translation) == 0)
        {
            return iova;
        }

        if (!_contexts.TryGetValue(requester, out (ushort Domain, ulong Table, int Levels)? context))
        {
            context = ReadContext(requester);
            if (context is not null || CachesNotPresent)
            {
                _contexts[requester] = context;
            }
        }

        if (context is not { } found)
        {
            return null;
        }

        (ushort Domain, ulong First, ulong Last, ulong Entry) translation = _translations.Find(t => t.Domain == found.Domain && t.First <= iova && iova <= t.Last);
        if (translation.Last == 0)
        {
            translation = Walk(found.Domain, found.Table, found.Levels, iova);
            if (translation.Entry != 0 || CachesNotPresent)
            {
                _translations.Add(translation);
            }
        }

        return (translation.Entry & (isWrite ? 2ul : 1ul)) == 0 ? null : (translation.Entry & 0x000f_ffff_ffff_f000) + (iova - translation.First);
    }

    /// <summary>Records a fault, or an overflow where there is no room.</summary>
    internal void Record(ulong low, ulong high)
    {
        uint status = (uint)Get(VtdRegisters.FaultStatus);
        uint index = Recorded++ % 2;
        ulong record = FaultRecordOffset + (index * 16);
        if ((Get(record + 8) & VtdRegisters.FaultRecord.Valid) != 0)
        {
            _registers[VtdRegisters.FaultStatus] = status | VtdRegisters.Fault.Overflow;
            Recorded--;
            return;
        }

        _registers[record] = low;
        _registers[record + 8] = high | VtdRegisters.FaultRecord.Valid;
        _registers[VtdRegisters.FaultStatus] = (status & VtdRegisters.Fault.Pending) != 0 ? status : (index << 8) | status | VtdRegisters.Fault.Pending;
    }

    private uint Recorded { get; set; }

    public override ulong Read(ulong address, int width) => address switch
    {
        VtdRegisters.Version => Version,
        VtdRegisters.Capability => Capability,
        VtdRegisters.ExtendedCapability => Extended,
        VtdRegisters.GlobalStatus => Status,
        VtdRegisters.InvalidationQueueHead => (ulong)_head * 16,
        _ => Get(address),
    };

    public override void Write(ulong address, int width, ulong value)
    {
        switch (address)
        {
            case VtdRegisters.GlobalCommand when !IsStuck:
                Command((uint)value);
                break;
            case VtdRegisters.InvalidationQueueTail:
                _registers[address] = value;
                RunQueue();
                break;
            case VtdRegisters.FaultStatus:
                _registers[address] = Get(address) & ~(value & VtdRegisters.Fault.Overflow);
                break;
            case >= FaultRecordOffset and < FaultRecordOffset + 32:
                // Valid is cleared by a one, in a write to the last of the four words.
                _registers[address - 4] = Get(address - 4) & ~(value << 32);
                if (((Get(FaultRecordOffset + 8) | Get(FaultRecordOffset + 24)) & VtdRegisters.FaultRecord.Valid) == 0)
                {
                    _registers[VtdRegisters.FaultStatus] = Get(VtdRegisters.FaultStatus) & ~(ulong)VtdRegisters.Fault.Pending;
                }

                break;
            default:
                _registers[address] = value;
                break;
        }
    }

    private void Command(uint value)
    {
        WriteBufferFlushes += (value & VtdRegisters.Global.WriteBufferFlush) != 0 ? 1 : 0;
        Status = (Status & ~VtdRegisters.Global.Lasting) | (value & (VtdRegisters.Global.Lasting | VtdRegisters.Global.RootTablePointer | VtdRegisters.Global.InterruptTablePointer));
        if ((value & VtdRegisters.Global.QueuedInvalidation) == 0)
        {
            _head = 0;
        }
    }

    private void RunQueue()
    {
        while (!IsStuck && (ulong)_head * 16 != Get(VtdRegisters.InvalidationQueueTail))
        {
            ulong at = (Get(VtdRegisters.InvalidationQueueAddress) & ~0xffful) + ((ulong)_head * 16);
            (ulong low, ulong high) = (ReadMemory(at), ReadMemory(at + 8));
            if (RefusesDescriptors)
            {
                _registers[VtdRegisters.FaultStatus] = Get(VtdRegisters.FaultStatus) | VtdRegisters.Fault.QueueError;
                return;
            }

            Run(low, high, (ushort)(low >> 16));
            _head = (_head + 1) % 256;
        }
    }

    private void Run(ulong low, ulong high, ushort domain)
    {
        ulong granularity = (low >> 4) & 3;
        switch (low & 15)
        {
            case 1 when granularity == 1:
                _contexts.Clear();
                break;
            case 1 when granularity == 3:
                _contexts.Remove((ushort)(low >> 32));
                break;
            case 2 when granularity == 1:
                _translations.Clear();
                break;
            case 2 when granularity == 2:
                _translations.RemoveAll(t => t.Domain == domain);
                break;
            case 2 when granularity == 3:
                ulong size = 4096ul << (int)(high & 63);
                ulong first = high & ~0xffful;
                Assert.Equal(0ul, first & (size - 1));
                Assert.InRange((int)(high & 63), 0, (int)((Capability >> 48) & 63));
                _translations.RemoveAll(t => t.Domain == domain && t.First >= first && t.Last <= first + (size - 1));
                break;
            case 4:
                break;
            case 5:
                ram.ReleaseUInt32((nuint)(high - SimulatedMachine.MemoryBase), (uint)(low >> 32));
                return;
            default:
                Assert.Fail($"descriptor 0x{low:x} is none");
                break;
        }

        Done.Add($"{low & 15}.{granularity}");
    }

    private (ushort Domain, ulong Table, int Levels)? ReadContext(ushort requester)
    {
        ulong root = ReadMemory(Get(VtdRegisters.RootTableAddress) + ((ulong)(requester >> 8) * 16));
        if ((root & 1) == 0)
        {
            return null;
        }

        ulong entry = (root & ~0xffful) + ((ulong)(requester & 0xff) * 16);
        (ulong low, ulong high) = (ReadMemory(entry), ReadMemory(entry + 8));
        Assert.True((low & 0xffe) == 0 && (low & 1) == (high != 0 ? 1ul : 0), "a context entry has reserved bits, or is half written");
        return (low & 1) == 0 ? null : ((ushort)(high >> 8), low & ~0xffful, (int)(high & 7) + 2);
    }

    private (ushort Domain, ulong First, ulong Last, ulong Entry) Walk(ushort domain, ulong table, int levels, ulong iova)
    {
        for (int level = levels; ; level--)
        {
            int shift = 12 + (9 * (level - 1));
            ulong entry = ReadMemory(table + (((iova >> shift) & 511) * 8));
            bool isPage = level == 1 || (entry & (1 << 7)) != 0;
            if ((entry & 3) == 0 || isPage)
            {
                int size = (entry & 3) == 0 ? 12 : shift;
                ulong first = iova & ~((1ul << size) - 1);
                Assert.Equal(0ul, (entry & 3) == 0 ? 0 : entry & 0x000f_ffff_ffff_f000 & ((1ul << size) - 1));
                return (domain, first, first + ((1ul << size) - 1), (entry & 3) == 0 ? 0 : entry);
            }

            table = entry & 0x000f_ffff_ffff_f000;
        }
    }

    private ulong Get(ulong register) => _registers.GetValueOrDefault(register);

    private ulong ReadMemory(ulong physical) => ram.AcquireUInt64((nuint)(physical - SimulatedMachine.MemoryBase));
}
