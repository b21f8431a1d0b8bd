using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Makatea.Platform;

namespace Makatea.NetStack;

/// <summary>
/// The flows of a domain: records in memory that outlives it, found by the key of either direction. What leads to a record (chains, list of free ones) is of this run and
/// made anew of the records when a domain starts.
/// </summary>
internal sealed class FlowTable
{
    private const int None = -1;

    // Two entries a record, one for each direction: entry 2n is the original key of record n, entry 2n + 1 the reply key.
    private readonly int[] _buckets;
    private readonly int[] _next;
    private readonly int _mask;
    private readonly FlowKeyHash _hash;
    private readonly MemorySegment _records;
    private int _free;

    /// <summary>Takes memory: new, or that of a table before this one.</summary>
    /// <param name="memory">As long as <see cref="LengthOf"/> says; it outlives the table.</param>
    /// <param name="capacity">Number of flows at most.</param>
    /// <param name="hash">Keyed with a secret.</param>
    /// <param name="now">The time; records that were not kept so far are given up.</param>
    public FlowTable(MemorySegment memory, int capacity, FlowKeyHash hash, long now)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(capacity);
        ArgumentOutOfRangeException.ThrowIfLessThan(memory.Length, LengthOf(capacity), nameof(memory));
        _hash = hash;
        _records = memory.Slice(FlowTableHeader.Size, capacity * FlowRecord.Size);
        Capacity = capacity;
        _buckets = new int[BitOperations.RoundUpToPowerOf2((uint)capacity * 2)];
        _mask = _buckets.Length - 1;
        _next = new int[capacity * 2];
        Array.Fill(_buckets, None);
        ref FlowTableHeader header = ref MemoryMarshal.Cast<byte, FlowTableHeader>(memory.AsSpan()[..FlowTableHeader.Size])[0];
        if (!header.Fits(capacity))
        {
            Volatile.Write(ref header.Magic, 0);
            _records.AsSpan().Clear();
            header.Write(capacity);
        }

        Restore(now);
    }

    /// <summary>Flows at most.</summary>
    public int Capacity { get; }

    /// <summary>Flows.</summary>
    public int Count { get; private set; }

    /// <summary>No further flow has place.</summary>
    public bool IsFull => Count == Capacity;

    /// <summary>A record, 0 to <see cref="Capacity"/> - 1. One without a flow has <see cref="FlowRecord.Check"/> 0.</summary>
    public ref FlowRecord this[int flow]
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => ref MemoryMarshal.Cast<byte, FlowRecord>(_records.AsSpan())[flow];
    }

    /// <summary>Memory that a table needs, in bytes.</summary>
    public static int LengthOf(int capacity) => checked(FlowTableHeader.Size + (capacity * FlowRecord.Size));

    /// <summary>Finds the flow that a packet is of.</summary>
    /// <param name="key">What the packet carries.</param>
    /// <param name="isReply">It is the key of the reply direction.</param>
    /// <returns>Number of the flow; less than 0 where there is none.</returns>
    public int Find(in FlowKey key, out bool isReply)
    {
        Span<FlowRecord> records = MemoryMarshal.Cast<byte, FlowRecord>(_records.AsSpan());
        for (int entry = _buckets[BucketOf(key)]; entry >= 0; entry = _next[entry])
        {
            ref FlowRecord record = ref records[entry >> 1];
            isReply = (entry & 1) != 0;
            if (isReply ? record.Reply.Equals(key) : record.Original.Equals(key))
            {
                return entry >> 1;
            }
        }

        isReply = false;
        return None;
    }

    /// <summary>A packet with the key is of no flow.</summary>
    public bool IsUnused(in FlowKey key) => Find(key, out _) < 0;

    /// <summary>Adds a flow. The table is not full, and both keys are unused and differ.</summary>
    /// <param name="flow">All of the record but its check.</param>
    /// <returns>Its number.</returns>
    public int Add(in FlowRecord flow)
    {
        int index = _free;
        ref FlowRecord record = ref this[index];
        _free = _next[2 * index];
        record = flow with { Check = 0 };
        Volatile.Write(ref record.Check, record.ExpectedCheck());
        Link(index);
        return index;
    }

    /// <summary>Takes a flow out.</summary>
    public void Remove(int flow)
    {
        ref FlowRecord record = ref this[flow];
        Volatile.Write(ref record.Check, 0);
        Unlink(BucketOf(record.Original), 2 * flow);
        Unlink(BucketOf(record.Reply), (2 * flow) + 1);
        Release(flow);
        Count--;
    }

    private void Restore(long now)
    {
        _free = None;
        for (int flow = Capacity - 1; flow >= 0; flow--)
        {
            ref FlowRecord record = ref this[flow];
            if (record.TryRestore(now) && !record.Original.Equals(record.Reply) && IsUnused(record.Original) && IsUnused(record.Reply))
            {
                Link(flow);
            }
            else
            {
                Volatile.Write(ref record.Check, 0);
                Release(flow);
            }
        }
    }

    private void Link(int flow)
    {
        Push(BucketOf(this[flow].Original), 2 * flow);
        Push(BucketOf(this[flow].Reply), (2 * flow) + 1);
        Count++;
    }

    private void Push(int bucket, int entry)
    {
        _next[entry] = _buckets[bucket];
        _buckets[bucket] = entry;
    }

    private void Unlink(int bucket, int entry)
    {
        ref int link = ref _buckets[bucket];
        while (link != entry)
        {
            link = ref _next[link];
        }

        link = _next[entry];
    }

    private void Release(int flow)
    {
        _next[2 * flow] = _free;
        _free = flow;
    }

    private int BucketOf(in FlowKey key) => (int)_hash.Of(key) & _mask;
}
