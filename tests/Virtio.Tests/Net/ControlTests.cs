using System.Buffers.Binary;
using Makatea.Platform;
using Makatea.Virtio.Net;
using Makatea.Virtio.Testing;

namespace Makatea.Virtio.Tests.Net;

public sealed class ControlTests
{
    private const byte Ok = 0;
    private const byte Error = 1;

    /// <summary>Each is refused, and nothing changes by it.</summary>
    public static TheoryData<string, byte[]> BadCommands => new()
    {
        { "a class that there is not", [99, 0] },
        { "a command that there is not", [0, 6, 1] },
        { "a mode without a value", [0, 0] },
        { "a mode of 2", [0, 0, 2] },
        { "a mode with too much", [0, 0, 1, 1] },
        { "no tables", [1, 0] },
        { "one table", [1, 0, 0, 0, 0, 0] },
        { "a table beyond the data", [1, 0, 2, 0, 0, 0, 1, 2, 3, 4, 5, 6, 0, 0, 0, 0] },
        { "a table of 2^32 - 1", [1, 0, 255, 255, 255, 255, 0, 0, 0, 0] },
        { "a table of 715827883, which times 6 is 2", [1, 0, 0xab, 0xaa, 0xaa, 0x2a, 0, 0, 0, 0] },
        { "tables and more", [1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1] },
        { "an address, which is fixed", [1, 1, 2, 0, 0, 0, 0, 1] },
        { "VLAN 4096", [2, 0, 0, 0x10] },
        { "half a VLAN", [2, 0, 1] },
        { "an acknowledgement with data", [3, 0, 1] },
        { "no pairs", [4, 0, 0, 0] },
        { "a pair too many", [4, 0, 5, 0] },
        { "256 pairs", [4, 0, 0, 1] },
        { "offloads that were not negotiated", [5, 0, 0, 4, 0, 0, 0, 0, 0, 0] },
        { "segmentation without checksums", [5, 0, 0x80, 0, 0, 0, 0, 0, 0, 0] },
        { "short offloads", [5, 0, 2, 0, 0, 0] },
        { "a delay of an hour", [6, 0, 1, 0, 0, 0, 0, 0xa4, 0x93, 0xd6] },
        { "no scaling", [4, 1] },
        { "a table of 3", [4, 1, .. Rss(7, [0, 1, 2], 0, 4, ToeplitzTests.Key)] },
        { "a table of 256", [4, 1, .. Rss(7, new ushort[256], 0, 4, ToeplitzTests.Key)] },
        { "a queue that there is not", [4, 1, .. Rss(7, [0, 4], 0, 4, ToeplitzTests.Key)] },
        { "an unclassified queue that there is not", [4, 1, .. Rss(7, [0, 1], 4, 4, ToeplitzTests.Key)] },
        { "more senders than there are", [4, 1, .. Rss(7, [0, 1], 0, 5, ToeplitzTests.Key)] },
        { "no senders", [4, 1, .. Rss(7, [0, 1], 0, 0, ToeplitzTests.Key)] },
        { "hash types that there are not", [4, 1, .. Rss(1 << 6, [0, 1], 0, 4, ToeplitzTests.Key)] },
        { "a key that is too long", [4, 1, .. Rss(7, [0, 1], 0, 4, [.. ToeplitzTests.Key, 1])] },
        { "a key that is cut off", [4, 1, .. Rss(7, [0, 1], 0, 4, ToeplitzTests.Key)[..^1]] },
        { "a table that is cut off", [4, 1, 7, 0, 0, 0, 127, 0, 0, 0, 0, 0, 0, 0] },
        { "reports, which were not negotiated", [4, 2, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0] },
    };

    [Theory]
    [MemberData(nameof(BadCommands))]
    public void A_bad_command_is_refused_and_changes_nothing(string why, byte[] command)
    {
        using NetRig<SplitDriverRing> rig = new(pairs: 4);
        NetGuestState before = rig.Device.Port.State;
        Assert.True(rig.RawCommand(command) == Error, why);
        Assert.Same(before, rig.Device.Port.State);
        Assert.Equal(1, rig.Device.Counters.RefusedCommands);
        Assert.Equal(Ok, rig.Command(0, 0, 1));
    }

    [Fact]
    public void A_command_that_is_too_long_is_refused_and_one_without_an_answer_breaks_the_queue()
    {
        using NetRig<PackedDriverRing> rig = new();
        Assert.Equal(Error, rig.RawCommand([1, 0, .. new byte[5000]]));
        Assert.Equal(Ok, rig.Command(0, 0, 0));
        Assert.True(rig.Ring(2).TryAdd([rig.Arena.Allocate(3).AsElement()], 1, 0));
        rig.Ring(2).Publish();
        rig.Kick(2);
        Assert.True(SpinWait.SpinUntil(() => rig.Workers[2].Fault == RingFault.RequestTooShort, TimeSpan.FromSeconds(10)));
        rig.Send(Frames.Any(60));
        Assert.Single(rig.Receive());
    }

    [Fact]
    public void Commands_without_their_features_are_refused()
    {
        using NetRig<SplitDriverRing> rig = new(
            NetFeatures.ControlReceive | NetFeatures.ControlReceiveExtra | NetFeatures.ControlVlan | NetFeatures.GuestAnnounce | NetFeatures.MultiQueue
                | NetFeatures.ControlGuestOffloads | NetFeatures.NotificationCoalescing);
        Assert.Equal(Error, rig.Command(0, 0, 1));
        Assert.Equal(Error, rig.Command(0, 3, 1));
        Assert.Equal(Error, rig.Command(1, 0, 0, 0, 0, 0, 0, 0, 0, 0));
        Assert.Equal(Error, rig.Command(2, 0, 1, 0));
        Assert.Equal(Error, rig.Command(3, 0));
        Assert.Equal(Error, rig.Command(4, 0, 1, 0));
        Assert.Equal(Error, rig.Command(5, 0, 2, 0, 0, 0, 0, 0, 0, 0));
        Assert.Equal(Error, rig.Command(6, 0, 1, 0, 0, 0, 1, 0, 0, 0));
    }

    [Fact]
    public void Modes_and_tables_choose_what_is_received()
    {
        using NetRig<SplitDriverRing> rig = new();
        byte[] own = [0x52, 0x54, 0, 0x12, 0x34, 0x56];
        byte[] other = [2, 0, 0, 0, 0, 9];
        byte[] group = [0x33, 0x33, 0, 0, 0, 1];
        byte[] all = [255, 255, 255, 255, 255, 255];
        Assert.Equal("own other group all", Takes());
        rig.Command(0, 0, 0);
        Assert.Equal("own all", Takes());
        rig.Command(0, 1, 1);
        Assert.Equal("own group all", Takes());
        rig.Command(0, 3, 1);
        Assert.Equal("own all", Takes());
        rig.Command(0, 5, 1);
        Assert.Equal("own", Takes());
        rig.Command(0, 4, 1);
        Assert.Equal("", Takes());
        rig.Command(0, 4, 0);
        rig.Command(0, 2, 1);
        Assert.Equal("own other", Takes());
        rig.Command(0, 2, 0);
        rig.Command(0, 1, 0);
        rig.Command(0, 3, 0);
        rig.Command(0, 5, 0);
        Assert.Equal(Ok, rig.Command(1, 0, [1, 0, 0, 0, .. other, 1, 0, 0, 0, .. group]));
        Assert.Equal("own other group all", Takes());
        Assert.Equal(Ok, rig.Command(1, 0, new byte[8]));
        Assert.Equal("own all", Takes());

        // A table that is too long to be kept lets all of its kind through.
        Assert.Equal(Ok, rig.Command(1, 0, [0, 0, 0, 0, 65, 0, 0, 0, .. new byte[65 * 6]]));
        Assert.Equal("own group all", Takes());
        Assert.NotEqual(0, rig.Device.Counters.Filtered);

        string Takes()
        {
            List<string> taken = [];
            foreach ((string name, byte[] destination) in ((string, byte[])[])[("own", own), ("other", other), ("group", group), ("all", all)])
            {
                rig.SupplyGuest(1, 2048);
                byte[] frame = Frames.Any(60);
                destination.CopyTo(frame, 0);
                rig.Transmit(frame);
                if (rig.TakeReceived().Count == 1)
                {
                    taken.Add(name);
                }
            }

            return string.Join(' ', taken);
        }
    }

    [Fact]
    public void Vlans_are_received_that_were_added()
    {
        using NetRig<SplitDriverRing> rig = new();
        Assert.Equal(0, Count(100));
        Assert.Equal(1, Count(0));
        Assert.Equal(Ok, rig.Command(2, 0, 100, 0));
        Assert.Equal(Ok, rig.Command(2, 0, 255, 15));
        Assert.Equal(1, Count(100));
        Assert.Equal(1, Count(4095));
        Assert.Equal(0, Count(101));
        Assert.Equal(Ok, rig.Command(2, 1, 100, 0));
        Assert.Equal(0, Count(100));

        int Count(ushort vlan)
        {
            rig.SupplyGuest(1, 2048);
            byte[] frame = Frames.Any(64);
            frame[12] = 0x81;
            frame[13] = 0;
            BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(14), (ushort)(0xe000 | vlan));
            rig.Transmit(frame);
            return rig.TakeReceived().Count;
        }
    }

    [Fact]
    public void The_address_changes_where_that_is_offered()
    {
        using NetRig<SplitDriverRing> rig = new(options: new() { Name = "net", Address = new(0x5254_0012_3456), MaxQueueSize = 64, AddressChanges = true });
        Assert.Equal(Error, rig.Command(1, 1, 3, 0, 0, 0, 0, 1));
        Assert.Equal(Error, rig.Command(1, 1, 0, 0, 0, 0, 0, 0));
        Assert.Equal(Error, rig.Command(1, 1, 2, 0, 0, 0, 0));
        Assert.Equal(Ok, rig.Command(1, 1, 2, 0, 0, 0, 0, 7));
        byte[] config = new byte[6];
        rig.Device.ReadConfig(0, config);
        Assert.Equal([2, 0, 0, 0, 0, 7], config);
        Assert.Equal(new MacAddress(0x0200_0000_0007), rig.Device.Port.Info.Address);
    }

    [Fact]
    public void Offloads_are_switched_while_it_runs()
    {
        using NetRig<SplitDriverRing> rig = new();
        int changes = 0;
        rig.Device.Port.InfoChanged += () => changes++;
        Assert.Equal(Ok, rig.Command(5, 0, 2, 0, 0, 0, 0, 0, 0, 0));
        Assert.Equal(NetOffloads.Checksum, rig.Device.Port.Info.Transmit);
        Assert.Equal(0, rig.Device.Port.Info.MaxSegmentedLength);
        Assert.Equal(Ok, rig.Command(5, 0, 0, 0, 0, 0, 0, 0, 0, 0));
        Assert.Equal(NetOffloads.None, rig.Device.Port.Info.Transmit);
        Assert.Equal(2, changes);
    }

    [Fact]
    public void An_announcement_is_asked_for_until_it_is_acknowledged()
    {
        using NetRig<SplitDriverRing> rig = new();
        byte[] config = new byte[28];
        Assert.True(rig.Device.AskToAnnounce());
        rig.Device.ReadConfig(0, config);
        Assert.Equal(3, config[6]);
        Assert.Equal(Ok, rig.Command(3, 0));
        rig.Device.ReadConfig(0, config);
        Assert.Equal(1, config[6]);
    }

    [Fact]
    public void Flows_are_received_where_they_were_sent_from()
    {
        using NetRig<SplitDriverRing> rig = new(pairs: 4);
        byte[] outgoing = Frames.Packet(false, true, 10, 1000, 80);
        byte[] back = Frames.Packet(false, true, 10, 80, 1000);
        (back[29], back[33]) = (back[33], back[29]);

        // One pair until the driver says otherwise.
        Assert.Equal(0, PairOf(back));
        Assert.Equal(Ok, rig.Command(4, 0, 4, 0));
        for (int pair = 0; pair < 4; pair++)
        {
            rig.Send(outgoing, pair);
            Assert.Single(rig.Receive());
            Assert.Equal(pair, PairOf(back));
        }

        Assert.Equal(Ok, rig.Command(4, 0, 2, 0));
        Assert.True(PairOf(back) < 2);
        Assert.Equal(Ok, rig.Command(4, 0, 4, 0));
        HashSet<int> seen = [.. Enumerable.Range(0, 40).Select(i => PairOf(Frames.Packet(false, false, 10, (ushort)(5000 + i), 53)))];
        Assert.Equal([0, 1, 2, 3], seen.Order());

        int PairOf(byte[] frame) => ReceivePair(rig, frame, out _);
    }

    [Fact]
    public void Scaling_steers_by_the_drivers_table()
    {
        using NetRig<PackedDriverRing> rig = new(pairs: 4);
        ushort[] table = [.. Enumerable.Range(0, 128).Select(i => (ushort)(i % 3))];
        Assert.Equal(Ok, rig.Command(4, 1, Rss(0x3f, table, 3, 4, ToeplitzTests.Key)));
        ToeplitzHash hash = new(ToeplitzTests.Key);
        for (ushort port = 1000; port < 1020; port++)
        {
            foreach (bool is6 in (bool[])[false, true])
            {
                byte[] frame = Frames.Packet(is6, true, 20, port);
                uint expected = hash.Compute(is6 ? frame.AsSpan(22, 36) : frame.AsSpan(26, 12));
                Assert.Equal((int)(expected & 127) % 3, ReceivePair(rig, frame, out _));
            }
        }

        Assert.Equal(3, ReceivePair(rig, Frames.Any(60), out _));

        // Fragments have no ports.
        byte[] fragment = Frames.Packet(false, true, 20);
        fragment[20] = 0x20;
        Assert.Equal((int)(hash.Compute(fragment.AsSpan(26, 8)) & 127) % 3, ReceivePair(rig, fragment, out _));
    }

    [Theory]
    [InlineData(0x3fu, false, true, 2)]
    [InlineData(0x3fu, false, false, 3)]
    [InlineData(0x3fu, true, true, 5)]
    [InlineData(0x3fu, true, false, 6)]
    [InlineData(0x09u, false, true, 1)]
    [InlineData(0x09u, true, true, 4)]
    [InlineData(0x08u, false, true, 0)]
    [InlineData(0x00u, false, true, 0)]
    public void Hashes_are_reported(uint types, bool is6, bool tcp, ushort report)
    {
        using NetRig<SplitDriverRing> rig = new(reportsHash: true);
        Assert.Equal(Error, rig.Command(4, 2, [0x3f, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]));
        Assert.Equal(Ok, rig.Command(4, 2, [(byte)types, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 40, .. ToeplitzTests.Key]));
        byte[] frame = Frames.Packet(is6, tcp, 20);
        ReceivePair(rig, frame, out byte[] buffer);
        Assert.Equal(frame, buffer[20..]);
        Assert.Equal(report, BinaryPrimitives.ReadUInt16LittleEndian(buffer.AsSpan(16)));
        int length = (is6 ? 32 : 8) + (report is 1 or 4 ? 0 : 4);
        uint expected = report == 0 ? 0 : new ToeplitzHash(ToeplitzTests.Key).Compute(frame.AsSpan(is6 ? 22 : 26, length));
        Assert.Equal(expected, BinaryPrimitives.ReadUInt32LittleEndian(buffer.AsSpan(12)));
        rig.Send(new byte[20], frame);
        Assert.Equal(frame, Assert.Single(rig.Receive()).Bytes);
    }

    private static int ReceivePair<TRing>(NetRig<TRing> rig, byte[] frame, out byte[] buffer)
        where TRing : struct, IDriverRing<TRing>
    {
        buffer = [];
        int pairs = rig.Workers.Count / 2;
        int found = -1;
        for (int pair = 0; pair < pairs; pair++)
        {
            rig.SupplyGuest(1, 2048, pair);
        }

        rig.Transmit(frame);
        for (int pair = 0; pair < pairs; pair++)
        {
            if (rig.TakeReceived(pair) is [var received])
            {
                Assert.Equal(-1, found);
                found = pair;
                buffer = received;
            }
        }

        return found;
    }

    private static byte[] Rss(uint types, ushort[] table, ushort unclassified, ushort senders, byte[] key)
    {
        byte[] data = new byte[8 + (table.Length * 2) + 3 + key.Length];
        BinaryPrimitives.WriteUInt32LittleEndian(data, types);
        BinaryPrimitives.WriteUInt16LittleEndian(data.AsSpan(4), (ushort)(table.Length - 1));
        BinaryPrimitives.WriteUInt16LittleEndian(data.AsSpan(6), unclassified);
        for (int i = 0; i < table.Length; i++)
        {
            BinaryPrimitives.WriteUInt16LittleEndian(data.AsSpan(8 + (i * 2)), table[i]);
        }

        Span<byte> end = data.AsSpan(8 + (table.Length * 2));
        BinaryPrimitives.WriteUInt16LittleEndian(end, senders);
        end[2] = (byte)key.Length;
        key.CopyTo(end[3..]);
        return data;
    }
}
