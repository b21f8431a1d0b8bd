using Makatea.Virtio.Net;

namespace Makatea.Virtio.Tests;

/// <summary>Every request with a wrong form: each ends the connection, names the request, and gives up what came with it.</summary>
public sealed class MessageFormTests
{
    private static readonly VhostUserRequest[] _requests = [.. Enum.GetValues<VhostUserRequest>().Where(r => r != VhostUserRequest.None)];

    public static TheoryData<uint> Requests => [.. _requests.Select(r => (uint)r)];

    public static TheoryData<uint> WithPayload => Where(e => e.MinPayload > 0);

    public static TheoryData<uint> WithDescriptors => Where(e => e.MinGrants > 0);

    public static TheoryData<uint> WithFeature => Where(e => e.Needs != VhostUserProtocolFeatures.None);

    [Fact]
    public void Every_request_has_an_entry() => Assert.All(_requests, r => Assert.NotNull(VhostUserRequestTable.Find((uint)r)));

    [Theory]
    [MemberData(nameof(WithPayload))]
    public void A_payload_that_is_too_short_ends_the_connection(uint request)
    {
        VhostUserRequestTable.Entry entry = VhostUserRequestTable.Find(request)!;
        using SessionBed bed = BedFor(entry);
        SendForm(bed, entry, entry.MinPayload - 1, entry.MinGrants);
        bed.ExpectFault(entry.Name, $"{entry.MinPayload - 1} bytes");
    }

    [Theory]
    [MemberData(nameof(Requests))]
    public void A_payload_that_is_too_long_ends_the_connection(uint request)
    {
        VhostUserRequestTable.Entry entry = VhostUserRequestTable.Find(request)!;
        using SessionBed bed = BedFor(entry);
        SendForm(bed, entry, entry.MaxPayload + 1, entry.MinGrants);
        bed.ExpectFault(entry.Name, $"{entry.MaxPayload + 1} bytes");
    }

    [Theory]
    [MemberData(nameof(Requests))]
    public void Too_many_descriptors_end_the_connection(uint request)
    {
        VhostUserRequestTable.Entry entry = VhostUserRequestTable.Find(request)!;
        using SessionBed bed = BedFor(entry);
        SendForm(bed, entry, entry.MinPayload, entry.MaxGrants + 1);
        bed.ExpectFault($"{entry.MaxGrants + 1} descriptors");
    }

    [Theory]
    [MemberData(nameof(WithDescriptors))]
    public void Too_few_descriptors_end_the_connection(uint request)
    {
        VhostUserRequestTable.Entry entry = VhostUserRequestTable.Find(request)!;
        using SessionBed bed = BedFor(entry);
        SendForm(bed, entry, entry.MinPayload, entry.MinGrants - 1);
        bed.ExpectFault(entry.Name, $"{entry.MinGrants - 1} descriptors");
    }

    [Theory]
    [MemberData(nameof(WithFeature))]
    public void A_request_of_a_protocol_feature_that_was_not_set_ends_the_connection(uint request)
    {
        VhostUserRequestTable.Entry entry = VhostUserRequestTable.Find(request)!;
        using SessionBed bed = new();
        bed.Send(VhostUserRequest.SetProtocolFeatures, (ulong)(VhostUserProtocolFeatures.Offered & ~entry.Needs));
        SendForm(bed, entry, entry.MinPayload, entry.MinGrants);
        bed.ExpectFault(entry.Name, entry.Needs.ToString());
    }

    [Theory]
    [InlineData(0u)]
    [InlineData(22u)]
    [InlineData(35u)]
    [InlineData(41u)]
    [InlineData(42u)]
    [InlineData(0xffff_ffffu)]
    public void An_unknown_request_is_refused_where_a_reply_is_asked_for_and_ends_the_connection_otherwise(uint request)
    {
        using SessionBed bed = new SessionBed().Negotiate();
        Assert.NotEqual(0ul, bed.Ask((VhostUserRequest)request, [1, 2, 3], bed.Give(new FakeDoorbell())));
        bed.Sync();
        bed.Send((VhostUserRequest)request, []);
        bed.ExpectFault($"request {request}");
    }

    [Theory]
    [InlineData(0u)]
    [InlineData(2u)]
    [InlineData(3u)]
    [InlineData(1u | VhostUserHeader.Reply)]
    [InlineData(1u | 0x10u)]
    public void Flags_other_than_version_1_and_need_reply_end_the_connection(uint flags)
    {
        using SessionBed bed = new();
        bed.Theirs.SendOriginals(SessionBed.Message((uint)VhostUserRequest.GetFeatures, [], flags));
        bed.ExpectFault("GET_FEATURES", $"0x{flags:x}");
    }

    [Theory]
    [InlineData(4097u)]
    [InlineData(0xffff_ffffu)]
    public void A_length_beyond_the_cap_ends_the_connection_before_anything_is_read(uint size)
    {
        using SessionBed bed = new();
        bed.Theirs.SendOriginals(SessionBed.Bytes(new VhostUserHeader(24, 1, size)));
        bed.ExpectFault("GET_CONFIG", $"{size} bytes", "4096");
    }

    [Theory]
    [InlineData(1)]
    [InlineData(11)]
    [InlineData(12)]
    [InlineData(19)]
    public void An_end_within_a_message_is_a_fault(int length)
    {
        using SessionBed bed = new();
        byte[] whole = SessionBed.Message((uint)VhostUserRequest.SetFeatures, new byte[8]);
        bed.Theirs.SendOriginals(whole[..length], bed.Give(new FakeDoorbell()));
        bed.Theirs.Close();
        bed.ExpectFault("within a message");
    }

    [Fact]
    public void An_end_between_messages_is_none()
    {
        using SessionBed bed = new();
        bed.Sync();
        bed.Theirs.Close();
        Assert.Null(bed.WaitForEnd());
    }

    [Theory]
    [InlineData(1)]
    [InlineData(5)]
    public void Messages_that_arrive_in_pieces_are_whole(int maxRead)
    {
        using SessionBed bed = new(maxRead: maxRead);
        bed.Negotiate();
        FakeMemory memory = bed.ShareMemory();
        bed.StartQueue(1);
        Assert.NotNull(bed.Device.Running(1));
        Assert.Equal(1, memory.Mapped);
    }

    [Fact]
    public void Messages_that_arrive_together_are_told_apart_and_keep_their_descriptors()
    {
        using SessionBed bed = new SessionBed().Negotiate();
        FakeDoorbell call = new();
        byte[] many = [.. Enumerable.Repeat(SessionBed.Message((uint)VhostUserRequest.GetFeatures, []), 50).SelectMany(m => m)];
        bed.Theirs.SendOriginals(many);
        bed.Send(VhostUserRequest.SetVringCall, 1ul, bed.Give(call));
        for (int i = 0; i < 50; i++)
        {
            Assert.Equal(8, bed.Reply(VhostUserRequest.GetFeatures).Length);
        }

        bed.Sync();
        Assert.True(call.IsOpened);
    }

    [Fact]
    public void More_descriptors_than_a_message_may_carry_end_the_connection_before_the_message_is_whole()
    {
        using SessionBed bed = new();
        byte[] message = SessionBed.Message((uint)VhostUserRequest.SetMemoryTable, new byte[264]);
        FakeGrant[] Five() => [.. Enumerable.Range(0, 5).Select(_ => bed.Give(new FakeDoorbell()))];
        bed.Theirs.SendOriginals(message[..100], Five());
        bed.Theirs.SendOriginals(message[100..200], Five());
        bed.ExpectFault("10 descriptors", "8");
    }

    [Fact]
    public void A_front_end_that_does_not_read_loses_its_connection()
    {
        using SessionBed bed = new();
        bed.Ours.FailsToSend = true;
        bed.Send(VhostUserRequest.GetFeatures, []);
        Assert.IsType<IOException>(bed.WaitForEnd());
    }

    [Fact]
    public void Every_request_may_ask_for_a_reply()
    {
        using SessionBed bed = new SessionBed().Negotiate();
        FakeMemory memory = new(0x1000);
        Assert.Equal(0ul, bed.Ask(VhostUserRequest.SetVringNum, new VhostUserVringState(0, 64)));
        Assert.Equal(0ul, bed.Ask(VhostUserRequest.SetVringBase, new VhostUserVringState(0, 0)));
        Assert.Equal(0ul, bed.Ask(VhostUserRequest.SetVringAddress, SessionBed.Address(0)));
        Assert.Equal(0ul, bed.Ask(VhostUserRequest.SetVringCall, 0x100ul));
        Assert.Equal(0ul, bed.Ask(VhostUserRequest.SetVringError, 0x100ul));
        Assert.Equal(0ul, bed.Ask(VhostUserRequest.SetVringKick, 0x100ul));
        Assert.Equal(0ul, bed.Ask(VhostUserRequest.SetVringEnable, new VhostUserVringState(0, 0)));
        Assert.Equal(0ul, bed.Ask(VhostUserRequest.SetStatus, 1ul));
        Assert.Equal(0ul, bed.Ask(VhostUserRequest.SetLogFd, [], bed.Give(new FakeDoorbell())));
        Assert.Equal(0ul, bed.Ask(VhostUserRequest.SetLogBase, new VhostUserLogDescription(0x1000, 0), bed.Give(memory)));
        Assert.Equal(0ul, bed.Ask(VhostUserRequest.SetBackendRequestFd, [], bed.Give(FakeChannel.CreatePair().Theirs)));
        Assert.Equal(0ul, bed.Ask(VhostUserRequest.SetConfig, ConfigTests.Config(FakeDevice.WritableByte, 1, 0, [9])));
        Assert.Equal(0ul, bed.Ask(VhostUserRequest.ResetDevice, []));
        Assert.Equal(0ul, bed.Ask(VhostUserRequest.ResetOwner, []));
        Assert.Equal(0ul, bed.Ask(VhostUserRequest.SetOwner, []));
    }

    private static TheoryData<uint> Where(Func<VhostUserRequestTable.Entry, bool> condition) =>
        [.. _requests.Select(r => (uint)r).Where(r => condition(VhostUserRequestTable.Find(r)!))];

    /// <summary>A session that the request is allowed in: with a network device for what is theirs alone.</summary>
    private static SessionBed BedFor(VhostUserRequestTable.Entry entry)
    {
        const VhostUserProtocolFeatures Net = VhostUserProtocolFeatures.Rarp | VhostUserProtocolFeatures.NetMtu;
        return (entry.Needs & Net) == 0
            ? new SessionBed().Negotiate()
            : new SessionBed(served: new VirtioNetDevice(new() { Name = "net0", Address = new(0x0200_0000_0001) })).Negotiate(protocolFeatures: Net | VhostUserProtocolFeatures.MultiQueue);
    }

    private static void SendForm(SessionBed bed, VhostUserRequestTable.Entry entry, int payload, int grants) =>
        bed.Send(entry.Request, new byte[payload], [.. Enumerable.Range(0, grants).Select(_ => bed.Give(new FakeDoorbell()))]);
}
