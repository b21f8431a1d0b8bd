using Makatea.Platform;
using Makatea.Virtio.Testing;

namespace Makatea.Virtio.Tests.Rings;

/// <summary>
/// A driver that changes a value while the device looks at it: whichever the device saw, it saw it once, so the outcome is that of one value or
/// of the other and never of a mixture.
/// </summary>
public abstract class RingRaceContract<TKind, TDevice, TDriver>
    where TKind : struct, IRingKind<TDevice, TDriver>
    where TDevice : struct, IDeviceRing, IDisposable
    where TDriver : struct, IDriverRing<TDriver>
{
    private const VirtqDescriptorFlags Next = VirtqDescriptorFlags.Next;
    private const VirtqDescriptorFlags Write = VirtqDescriptorFlags.Write;
    private const VirtqDescriptorFlags Indirect = VirtqDescriptorFlags.Indirect;

    /// <summary>Second half of a descriptor (everything but the address), as split and packed rings have it.</summary>
    private static ulong Rest(uint length, VirtqDescriptorFlags flags, ushort next = 0) =>
        TKind.Feature == 0
            ? length | ((ulong)flags << 32) | ((ulong)next << 48)
            : length | ((ulong)PackedRingMemory.AvailableFlags(flags, true) << 48);

    [Fact]
    public void Length_and_rights_of_a_descriptor()
    {
        using RingPair<TKind, TDevice, TDriver> pair = new();
        pair.Offer(new RawDescriptor(pair.Data.Address, 16));
        Race(pair, pair.Areas.Descriptors, 8, Rest(16, default), Rest(48, Write), "16 0", "0 48");
    }

    [Fact]
    public void Length_of_a_descriptor_that_leads_outside()
    {
        using RingPair<TKind, TDevice, TDriver> pair = new();
        pair.Offer(new RawDescriptor(pair.Data.Address, 16));
        Race(pair, pair.Areas.Descriptors, 8, Rest(16, default), Rest(uint.MaxValue, default), "16 0", nameof(RingFault.OutsideMemory));
    }

    [Fact]
    public void Address_of_a_descriptor()
    {
        using RingPair<TKind, TDevice, TDriver> pair = new();
        pair.Offer(new RawDescriptor(pair.Data.Address, 16));
        Race(pair, pair.Areas.Descriptors, 0, pair.Data.Address, ulong.MaxValue - 7, "16 0", nameof(RingFault.OutsideMemory));
    }

    [Fact]
    public void A_descriptor_that_becomes_a_table()
    {
        using RingPair<TKind, TDevice, TDriver> pair = new(features: VirtioFeatures.IndirectDescriptors);
        pair.OfferTable(default, 32, new RawDescriptor(pair.Data.Address, 100, Next), new(pair.Data.Address, 200, Write));
        Race(pair, pair.Areas.Descriptors, 8, Rest(16, default), Rest(32, Indirect), "16 0", "100 200");
    }

    [Fact]
    public void Length_of_a_table()
    {
        using RingPair<TKind, TDevice, TDriver> pair = new(features: VirtioFeatures.IndirectDescriptors);
        pair.OfferTable(default, 16, new RawDescriptor(pair.Data.Address, 100), new(pair.Data.Address, 200, Write));
        Race(
            pair, pair.Areas.Descriptors, 8, Rest(16, Indirect), Rest(uint.MaxValue - 15, Indirect), "100 0", nameof(RingFault.IndirectTableSize));
    }

    [Fact]
    public void Length_and_rights_in_a_table()
    {
        using RingPair<TKind, TDevice, TDriver> pair = new(features: VirtioFeatures.IndirectDescriptors);
        pair.OfferTable(default, 16, new RawDescriptor(pair.Data.Address, 16));
        Race(pair, pair.Data.Slice(32 * 1024, 16), 8, Rest(16, default), Rest(48, Write), "16 0", "0 48");
    }

    [Fact]
    public void A_table_that_becomes_nested()
    {
        using RingPair<TKind, TDevice, TDriver> pair = new(features: VirtioFeatures.IndirectDescriptors);
        pair.OfferTable(default, 16, new RawDescriptor(pair.Data.Address, 16));
        Race(pair, pair.Data.Slice(32 * 1024, 16), 8, Rest(16, default), Rest(64, Indirect), "16 0", nameof(RingFault.IndirectNested));
    }

    /// <summary>Proves that the race is won often enough to catch a device that reads twice.</summary>
    [Fact]
    public void A_broken_copy_that_reads_twice_is_caught()
    {
        using RingPair<TKind, TDevice, TDriver> pair = new();
        pair.Offer(new RawDescriptor(pair.Data.Address, 16));
        SharedMemory descriptor = pair.Areas.Descriptors.AsShared();
        HashSet<string> seen = [];
        using Flipper flipper = new(pair.Areas.Descriptors, 8, Rest(16, default), Rest(48, Write));
        long deadline = Environment.TickCount64 + 20_000;
        while (seen.Count < 4 && Environment.TickCount64 < deadline)
        {
            for (int i = 0; i < 1000; i++)
            {
                // What a careless device does: the check and the use each look for themselves.
                int flagsHalf = TKind.Feature == 0 ? 12 : 14;
                bool writable = (descriptor.AcquireUInt16((nuint)flagsHalf) & (ushort)Write) != 0;
                uint length = descriptor.AcquireUInt32(8);
                seen.Add(writable ? $"0 {length}" : $"{length} 0");
            }
        }

        Assert.Contains("0 16", seen);
        Assert.Contains("48 0", seen);
    }

    /// <summary>Pops the ring's first buffer over and over, each time with a new device.</summary>
    private protected static void Race(
        RingPair<TKind, TDevice, TDriver> pair, GuestBuffer where, int offset, ulong one, ulong other, params string[] outcomes)
    {
        Dictionary<string, int> seen = outcomes.ToDictionary(o => o, _ => 0);
        using Flipper flipper = new(where, offset, one, other);
        long deadline = Environment.TickCount64 + 20_000;
        int rounds = 0;
        while ((rounds < 100_000 || seen.Values.Any(n => n == 0)) && Environment.TickCount64 < deadline)
        {
            rounds++;
            TDevice device = TKind.CreateDevice(pair.QueueSetup);
            PopResult result = device.TryPop(pair.Segments, out DescriptorChain chain);
            string outcome = result switch
            {
                PopResult.Popped => Describe(pair, chain),
                PopResult.Broken => _faults[(int)device.Fault],
                _ => nameof(PopResult.Empty),
            };
            if (!seen.TryGetValue(outcome, out int count))
            {
                Assert.Fail($"saw '{outcome}', which is neither {string.Join(" nor ", outcomes)}");
            }

            seen[outcome] = count + 1;
        }

        Assert.DoesNotContain(0, seen.Values);
    }

    private static readonly string[] _faults = Enum.GetNames<RingFault>();
    private static readonly Dictionary<(int, int), string> _descriptions = [];

    private static string Describe(RingPair<TKind, TDevice, TDriver> pair, in DescriptorChain chain)
    {
        int readable = 0;
        int writable = 0;
        for (int i = 0; i < chain.Readable + chain.Writable; i++)
        {
            if (i < chain.Readable)
            {
                readable += pair.Segments[i].Length;
            }
            else
            {
                writable += pair.Segments[i].Length;
            }
        }

        Assert.Equal((uint)readable, chain.ReadableBytes);
        Assert.Equal((uint)writable, chain.WritableBytes);
        if (!_descriptions.TryGetValue((readable, writable), out string? text))
        {
            _descriptions[(readable, writable)] = text = $"{readable} {writable}";
        }

        return text;
    }

    /// <summary>A thread that writes one value and another in turn, each in one store.</summary>
    private sealed class Flipper : IDisposable
    {
        private readonly Thread _thread;
        private volatile bool _stop;

        public Flipper(GuestBuffer where, int offset, ulong one, ulong other)
        {
            SharedMemory memory = where.AsShared();
            _thread = new Thread(() =>
            {
                while (!_stop)
                {
                    for (int i = 0; i < 100; i++)
                    {
                        memory.ReleaseUInt64((nuint)offset, one);
                        Thread.SpinWait(i & 3);
                        memory.ReleaseUInt64((nuint)offset, other);
                        Thread.SpinWait(i & 7);
                    }
                }
            })
            { IsBackground = true };
            _thread.Start();
        }

        public void Dispose()
        {
            _stop = true;
            _thread.Join();
        }
    }
}

public sealed class SplitRingRaceTests : RingRaceContract<Split, SplitRing, SplitDriverRing>
{
    private const ulong Memory = RingPair<Split, SplitRing, SplitDriverRing>.Memory;

    [Fact]
    public void An_available_entry_that_names_another_descriptor_or_none()
    {
        using RingPair<Split, SplitRing, SplitDriverRing> pair = new();
        pair.Offer(new RawDescriptor(Memory, 16));
        pair.Offer(new RawDescriptor(Memory, 48));
        Race(pair, pair.Areas.Driver, 0, 0x0000_0001_0000, 0x0001_0001_0000, "16 0", "48 0");
    }

    [Fact]
    public void An_available_index_that_jumps()
    {
        using RingPair<Split, SplitRing, SplitDriverRing> pair = new();
        pair.Offer(new RawDescriptor(Memory, 16));
        Race(pair, pair.Areas.Driver, 0, 1ul << 16, 17ul << 16, "16 0", nameof(RingFault.AvailableIndexJumped));
    }

    [Fact]
    public void A_next_field_that_leads_outside()
    {
        using RingPair<Split, SplitRing, SplitDriverRing> pair = new();
        pair.Offer(new RawDescriptor(Memory, 16, VirtqDescriptorFlags.Next), new(Memory, 48));
        Race(
            pair, pair.Areas.Descriptors, 8, 16 | (1ul << 32) | (1ul << 48), 16 | (1ul << 32) | (16ul << 48), "64 0", nameof(RingFault.NextOutOfRange));
    }
}

public sealed class PackedRingRaceTests : RingRaceContract<Packed, PackedRing, PackedDriverRing>
{
    [Fact]
    public void A_descriptor_that_is_available_and_is_not()
    {
        using RingPair<Packed, PackedRing, PackedDriverRing> pair = new();
        pair.Offer(new RawDescriptor(pair.Data.Address, 16));
        Race(pair, pair.Areas.Descriptors, 8, 16 | (0x80ul << 48), 48 | (0x8000ul << 48), "16 0", nameof(PopResult.Empty));
    }
}
