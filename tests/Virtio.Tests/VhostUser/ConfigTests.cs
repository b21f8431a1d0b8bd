using System.Runtime.InteropServices;

namespace Makatea.Virtio.Tests;

/// <summary>GET_CONFIG, SET_CONFIG, and telling the front end of changes.</summary>
public sealed class ConfigTests
{
    public static byte[] Config(uint offset, uint size, uint flags, byte[] region) =>
        [.. SessionBed.Bytes(new VhostUserConfigHeader(offset, size, flags)), .. region];

    [Theory]
    [InlineData(0u, 60u)]
    [InlineData(0u, 8u)]
    [InlineData(8u, 4u)]
    [InlineData(0u, 256u)]
    [InlineData(58u, 100u)]
    [InlineData(200u, 56u)]
    [InlineData(0u, 0u)]
    [InlineData(256u, 0u)]
    public void Reads_are_answered_in_full_with_0_beyond_the_devices_end(uint offset, uint size)
    {
        using SessionBed bed = new SessionBed().Negotiate();
        byte[] answer = bed.Get(VhostUserRequest.GetConfig, Config(offset, size, 0, new byte[size]));
        Assert.Equal(new VhostUserConfigHeader(offset, size, 0), MemoryMarshal.Read<VhostUserConfigHeader>(answer));
        byte[] space = [.. bed.Device.Config, .. new byte[512]];
        Assert.Equal(space[(int)offset..(int)(offset + size)], answer[12..]);
    }

    [Fact]
    public void SPDKs_payload_of_fixed_length_is_answered_with_the_same_length()
    {
        using SessionBed bed = new SessionBed().Negotiate();
        byte[] answer = bed.Get(VhostUserRequest.GetConfig, Config(0, 8, 0, [.. Enumerable.Repeat((byte)0xee, 256)]));
        Assert.Equal(268, answer.Length);
        Assert.Equal(bed.Device.Config[..8], answer[12..20]);
        Assert.All(answer[20..], b => Assert.Equal(0, b));
    }

    [Theory]
    [InlineData(0u, 257u, 257)]
    [InlineData(256u, 1u, 1)]
    [InlineData(257u, 0u, 0)]
    [InlineData(0xffff_ffffu, 2u, 2)]
    [InlineData(2u, 0xffff_ffffu, 256)]
    [InlineData(0u, 60u, 59)]
    [InlineData(0u, 60u, 0)]
    public void A_wrong_range_is_answered_with_an_empty_payload_and_the_connection_goes_on(uint offset, uint size, int payload)
    {
        using SessionBed bed = new SessionBed().Negotiate();
        Assert.Empty(bed.Get(VhostUserRequest.GetConfig, Config(offset, size, 0, new byte[payload])));
        bed.Sync();
    }

    [Theory]
    [InlineData(0u)]
    [InlineData(1u)]
    public void A_write_reaches_the_device(uint flags)
    {
        using SessionBed bed = new SessionBed().Negotiate();
        Assert.Equal(0ul, bed.Ask(VhostUserRequest.SetConfig, Config(FakeDevice.WritableByte, 1, flags, [77, 0, 0])));
        Assert.Equal(77, bed.Device.Config[FakeDevice.WritableByte]);
    }

    [Fact]
    public void A_write_that_the_device_refuses_is_answered_with_a_number_other_than_0_and_changes_nothing()
    {
        using SessionBed bed = new SessionBed().Negotiate();
        Assert.NotEqual(0ul, bed.Ask(VhostUserRequest.SetConfig, Config(0, 1, 0, [77])));
        bed.Send(VhostUserRequest.SetConfig, Config(0, 1, 0, [77]));
        bed.Sync();
        Assert.Equal(1, bed.Device.Config[0]);
    }

    [Theory]
    [InlineData(0u, 257u, 0u, 257)]
    [InlineData(0xffff_ffffu, 2u, 0u, 2)]
    [InlineData(32u, 2u, 0u, 1)]
    [InlineData(32u, 1u, 2u, 1)]
    public void A_write_of_a_wrong_form_ends_the_connection(uint offset, uint size, uint flags, int payload)
    {
        using SessionBed bed = new SessionBed().Negotiate();
        bed.Send(VhostUserRequest.SetConfig, Config(offset, size, flags, new byte[payload]));
        bed.ExpectFault("SET_CONFIG", $"{size} bytes at {offset}", $"flags {flags}");
    }

    [Fact]
    public void A_change_is_told_on_the_back_ends_channel_and_changes_coalesce()
    {
        using SessionBed bed = new SessionBed().Negotiate();
        (FakeChannel theirs, FakeChannel ours) = FakeChannel.CreatePair();
        bed.Device.ChangeConfig();
        bed.Ask(VhostUserRequest.SetBackendRequestFd, [], bed.Give(ours));
        for (int i = 0; i < 100; i++)
        {
            bed.Device.ChangeConfig();
        }

        byte[] message = new byte[12];
        Assert.Equal(12, theirs.Receive(message, []));
        Assert.Equal(new VhostUserHeader(2, 1, 0), MemoryMarshal.Read<VhostUserHeader>(message));
    }

    [Fact]
    public void A_queue_that_broke_is_told_as_a_change()
    {
        using SessionBed bed = new SessionBed().Negotiate();
        (FakeChannel theirs, FakeChannel ours) = FakeChannel.CreatePair();
        bed.Ask(VhostUserRequest.SetBackendRequestFd, [], bed.Give(ours));
        bed.ShareMemory();
        bed.StartQueue(0);
        bed.Device.Running(0)!.Break(RingFault.HeadOutOfRange);
        Assert.Equal(12, theirs.Receive(new byte[12], []));
    }

    [Fact]
    public void A_back_end_channel_may_be_replaced_and_the_old_one_is_given_up()
    {
        using SessionBed bed = new SessionBed().Negotiate();
        (FakeChannel _, FakeChannel first) = FakeChannel.CreatePair();
        (FakeChannel theirs, FakeChannel second) = FakeChannel.CreatePair();
        bed.Ask(VhostUserRequest.SetBackendRequestFd, [], bed.Give(first));
        bed.Ask(VhostUserRequest.SetBackendRequestFd, [], bed.Give(second));
        Assert.True(first.IsDisposed);
        bed.Device.ChangeConfig();
        Assert.Equal(12, theirs.Receive(new byte[12], []));
    }

    [Fact]
    public void A_back_end_channel_that_fails_does_not_end_the_connection()
    {
        using SessionBed bed = new SessionBed().Negotiate();
        (FakeChannel _, FakeChannel ours) = FakeChannel.CreatePair();
        ours.FailsToSend = true;
        bed.Ask(VhostUserRequest.SetBackendRequestFd, [], bed.Give(ours));
        bed.Device.ChangeConfig();
        bed.Sync();
    }

    [Fact]
    public void A_descriptor_that_is_no_channel_ends_the_connection()
    {
        using SessionBed bed = new SessionBed().Negotiate();
        bed.Send(VhostUserRequest.SetBackendRequestFd, [], bed.Give(new FakeDoorbell()));
        bed.ExpectFault("SET_BACKEND_REQ_FD", "no channel");
    }
}
