using System.Runtime.InteropServices;
using FsCheck;
using FsCheck.Fluent;
using Makatea.Platform;

namespace Makatea.NetStack.Tests;

public sealed class FlowTableTests
{
    private const int Capacity = 16;

    /// <summary>Memory is read by a domain of another build: nothing moves without another version.</summary>
    [Fact]
    public void Records_lie_as_they_did()
    {
        Assert.Equal((48, 20, 176, 64), (Marshal.SizeOf<FlowKey>(), Marshal.SizeOf<TcpSide>(), Marshal.SizeOf<FlowRecord>(), Marshal.SizeOf<FlowTableHeader>()));
        string[] fields = ["Original", "Reply", "Check", "Deadline", "Started", "OriginalSide", "ReplySide", "State", "Kind", "Flags", "IcmpType", "From", "To", "Owner"];
        Assert.Equal([0, 48, 96, 104, 112, 120, 140, 160, 161, 162, 163, 164, 166, 168], fields.Select(f => (int)Marshal.OffsetOf<FlowRecord>(f)));
        Assert.Equal([0, 8, 12], new[] { "Magic", "Capacity", "RecordSize" }.Select(f => (int)Marshal.OffsetOf<FlowTableHeader>(f)));
        var flow = new FlowKey(TestPacket.Ip("1.2.3.4"), TestPacket.Ip("5.6.7.8"), 0x1122, 0x3344, 6);
        byte[] bytes = new byte[48];
        MemoryMarshal.Write(bytes, flow);
        Assert.Equal([4, 3, 2, 1, 0xff, 0xff, 0, 0], bytes[..8]);
        Assert.Equal([8, 7, 6, 5, 0xff, 0xff, 0, 0], bytes[16..24]);
        Assert.Equal([0x22, 0x11, 0x44, 0x33, 6], bytes[32..37]);
    }

    [Fact]
    public void Memory_that_is_too_short_or_of_another_table_is_not_used()
    {
        using var memory = new NativeArray<byte>(FlowTable.LengthOf(Capacity));
        Assert.Throws<ArgumentOutOfRangeException>(() => new FlowTable(memory.AsSegment(0, memory.Length - 1), Capacity, new(1), 0));
        var table = new FlowTable(memory.AsSegment(), Capacity, new(1), 0);
        table.Add(Flow(1));
        Assert.Equal(1, new FlowTable(memory.AsSegment(), Capacity, new(2), 0).Count);
        Assert.Equal(0, new FlowTable(memory.AsSegment(), Capacity - 1, new(2), 0).Count);
        Assert.Equal(0, new FlowTable(memory.AsSegment(), Capacity, new(2), 0).Count);
    }

    [Fact]
    public void It_is_a_dictionary_with_two_keys_that_survives_its_owner()
    {
        // Numbers of flows to add, or, as it is there already, to take out; 0 starts anew.
        Gen<int[]> steps = Gen.Choose(0, 24).ListOf().Select(list => list.ToArray());
        Check.One(Config.QuickThrowOnFailure.WithMaxTest(300), Prop.ForAll(steps.ToArbitrary(), numbers =>
        {
            using var memory = new NativeArray<byte>(FlowTable.LengthOf(Capacity));
            var table = new FlowTable(memory.AsSegment(), Capacity, new(7), 0);
            var model = new Dictionary<int, int>();
            foreach (int number in numbers)
            {
                if (number == 0)
                {
                    table = new(memory.AsSegment(), Capacity, new((uint)numbers.Length), 0);
                }
                else if (model.Remove(number, out int index))
                {
                    table.Remove(index);
                }
                else if (!table.IsFull)
                {
                    model.Add(number, table.Add(Flow(number)));
                }

                AssertSame(table, model);
            }
        }));
    }

    /// <summary>Whatever a kill left behind: a flow is found as it was, or not at all.</summary>
    [Fact]
    public void Torn_memory_gives_whole_flows_or_none()
    {
        Gen<(int[] Flows, (int At, byte Value)[] Damage)> damaged =
            from flows in Gen.Choose(1, 40).ListOf()
            from damage in (from at in Gen.Choose(FlowTableHeader.Size, FlowTable.LengthOf(Capacity) - 1) from value in Gen.Choose(0, 255) select (at, (byte)value)).ListOf()
            select (flows.Distinct().Take(Capacity).ToArray(), damage.ToArray());
        Check.One(Config.QuickThrowOnFailure.WithMaxTest(500), Prop.ForAll(damaged.ToArbitrary(), torn =>
        {
            using var memory = new NativeArray<byte>(FlowTable.LengthOf(Capacity));
            var table = new FlowTable(memory.AsSegment(), Capacity, new(7), 0);
            int[] places = [.. torn.Flows.Select(number => table.Add(Flow(number)))];
            foreach ((int at, byte value) in torn.Damage)
            {
                memory[at] = value;
            }

            var after = new FlowTable(memory.AsSegment(), Capacity, new(8), 0);
            HashSet<int> damagedPlaces = [.. torn.Damage.Select(d => (d.At - FlowTableHeader.Size) / FlowRecord.Size)];
            foreach ((int number, int place) in torn.Flows.Zip(places))
            {
                FlowRecord flow = Flow(number);
                int found = after.Find(flow.Original, out _);
                Assert.True(found == place || (found < 0 && damagedPlaces.Contains(place)));
                if (found >= 0)
                {
                    ref FlowRecord record = ref after[found];
                    Assert.Equal((flow.Original, flow.Reply, flow.Kind), (record.Original, record.Reply, record.Kind));
                    Assert.InRange(record.Deadline, 1, FlowTimeouts.Longest(record.State, 17));
                    Assert.True(record.OriginalSide.Scale <= 14 && (record.Flags & ~FlowFlags.All) == 0 && record.From == FlowRecord.Unattached);
                }
            }

            // And the table works.
            Assert.InRange(after.Count, 0, torn.Flows.Length);
            for (int number = 100; !after.IsFull; number++)
            {
                after.Add(Flow(number));
            }

            for (int place = 0; place < Capacity; place++)
            {
                after.Remove(place);
            }

            Assert.Equal(0, after.Count);
        }));
    }

    private static void AssertSame(FlowTable table, Dictionary<int, int> model)
    {
        Assert.Equal(model.Count, table.Count);
        for (int number = 1; number <= 24; number++)
        {
            FlowRecord flow = Flow(number);
            int expected = model.GetValueOrDefault(number, -1);
            Assert.Equal((expected, false), (table.Find(flow.Original, out bool isReply), isReply));
            Assert.Equal((expected, expected >= 0), (table.Find(flow.Reply, out isReply), isReply));
            Assert.True(table.IsUnused(flow.Original.Reversed));
        }
    }

    private static FlowRecord Flow(int number)
    {
        var original = new FlowKey(TestPacket.Ip("10.137.0.5"), TestPacket.Ip("93.184.216.34"), (ushort)number, 53, 17);
        return new()
        {
            Original = original,
            Reply = original.Reversed with { Destination = TestPacket.Ip("192.0.2.7") },
            Kind = FlowKind.Outbound,
            State = FlowState.Unreplied,
            Deadline = 30_000,
        };
    }
}
