using System.Security.Cryptography;

namespace Makatea.Platform.Linux.Tests;

public sealed class UnixMessageChannelTests : IDisposable
{
    private readonly LinuxHost _host = new();
    private readonly UnixMessageChannel _left;
    private readonly UnixMessageChannel _right;

    public UnixMessageChannelTests()
    {
        (_left, LinuxGrant theirs) = UnixMessageChannel.CreatePair();
        _right = (UnixMessageChannel)theirs.OpenChannel();
    }

    public void Dispose()
    {
        _left.Dispose();
        _right.Dispose();
    }

    [Fact]
    public void Bytes_arrive_in_order_both_ways()
    {
        _left.Send("hello"u8, []);
        _right.Send("world"u8, []);
        Assert.Equal("hello", Receive(_right, 5));
        Assert.Equal("world", Receive(_left, 5));
    }

    [Fact]
    public void Grants_arrive_with_the_first_byte_and_work()
    {
        using Grant memory = _host.CreateMemory("test", 8192);
        using Doorbell doorbell = _host.CreateDoorbell();
        using Grant bell = _host.ShareDoorbell(doorbell, DoorbellEnd.Ring);
        using MappedMemory mine = memory.Map(0, 8192, MemoryAccess.ReadWrite);
        mine.View().ReleaseUInt32(4096, 77);
        _left.Send("ab"u8, [memory, bell]);

        List<Grant> grants = [];
        byte[] buffer = new byte[1];
        Assert.Equal(1, _right.Receive(buffer, grants));
        Assert.Equal(2, grants.Count);
        Assert.Equal(1, _right.Receive(buffer, grants));
        Assert.Equal(2, grants.Count);

        using MappedMemory theirs = grants[0].Map(4096, 4, MemoryAccess.Read);
        Assert.Equal(77u, theirs.View().AcquireUInt32(0));
        using DoorbellWaiter waiter = _host.CreateWaiter();
        waiter.Add(doorbell, 0);
        using Doorbell rung = grants[1].OpenDoorbell();
        rung.Ring();
        Assert.Equal(1ul, waiter.Wait(Time.In(5)));
        grants[0].Dispose();
    }

    [Fact]
    public void Received_descriptors_are_kept_from_child_processes()
    {
        using Grant memory = _host.CreateMemory("test", 4096);
        _left.Send("x"u8, [memory]);
        List<Grant> grants = [];
        _right.Receive(new byte[1], grants);
        using LinuxGrant grant = (LinuxGrant)grants[0];
        Assert.Equal(Libc.FD_CLOEXEC, Libc.Fcntl(grant.Handle, Libc.F_GETFD, 0));
    }

    [Fact]
    public void Eight_grants_arrive_and_nine_cannot_be_sent()
    {
        using Grant memory = _host.CreateMemory("test", 4096);
        Grant[] nine = [.. Enumerable.Repeat(memory, 9)];
        _left.Send("x"u8, nine.AsSpan(0, 8));
        List<Grant> grants = [];
        _right.Receive(new byte[1], grants);
        Assert.Equal(8, grants.Count);
        grants.ForEach(grant => grant.Dispose());
        Assert.Throws<ArgumentException>(() => _left.Send("x"u8, nine));
        Assert.Throws<ArgumentException>(() => _left.Send([], [memory]));
    }

    [Fact]
    public void The_end_is_seen_when_the_peer_closes()
    {
        _left.Send("x"u8, []);
        _left.Dispose();
        Assert.Equal("x", Receive(_right, 1));
        Assert.Equal(0, _right.Receive(new byte[1], []));
        IOException e = Assert.Throws<IOException>(() => _right.Send("x"u8, []));
        Assert.Contains("EPIPE", e.Message);
        Assert.Contains("the peer is gone", e.Message);
    }

    [Fact]
    public void A_peer_that_leaves_something_unread_is_an_end_as_well()
    {
        _right.Send("unread"u8, []);
        _left.Dispose();
        Assert.Equal(0, _right.Receive(new byte[1], []));
    }

    [Fact]
    public void Close_wakes_a_blocked_receiver()
    {
        Exception? seen = null;
        Thread receiver = new(() => seen = Record.Exception(() => _left.Receive(new byte[1], [])));
        receiver.Start();
        Thread.Sleep(50);
        _left.Close();
        _left.Close();
        Assert.True(receiver.Join(TimeSpan.FromSeconds(10)));
        Assert.Contains("closed on this side", Assert.IsType<IOException>(seen).Message);
    }

    [Fact]
    public void Dispose_wakes_a_blocked_receiver()
    {
        Exception? seen = null;
        Thread receiver = new(() => seen = Record.Exception(() => _left.Receive(new byte[1], [])));
        receiver.Start();
        Thread.Sleep(50);
        _left.Dispose();
        Assert.True(receiver.Join(TimeSpan.FromSeconds(10)));
        Assert.IsType<IOException>(seen);
    }

    [Fact]
    public void A_message_larger_than_the_socket_buffer_is_sent_whole()
    {
        byte[] sent = RandomNumberGenerator.GetBytes(3 << 20);
        using Grant memory = _host.CreateMemory("test", 4096);
        Thread sender = new(() => _left.Send(sent, [memory]));
        sender.Start();
        byte[] received = new byte[sent.Length];
        List<Grant> grants = [];
        for (int count = 0; count < received.Length;)
        {
            count += _right.Receive(received.AsSpan(count), grants);
        }

        sender.Join();
        Assert.Equal(sent, received);
        Assert.Single(grants).Dispose();
    }

    [Fact]
    public void Messages_of_several_senders_are_not_mixed()
    {
        const int Length = 300_000;
        Thread[] senders = [.. "abc"u8.ToArray().Select(letter => new Thread(() =>
        {
            byte[] message = new byte[Length];
            message.AsSpan().Fill(letter);
            _left.Send(message, []);
        }))];
        Array.ForEach(senders, sender => sender.Start());
        for (int message = 0; message < senders.Length; message++)
        {
            string text = Receive(_right, Length);
            Assert.Equal(new string(text[0], Length), text);
        }

        Array.ForEach(senders, sender => sender.Join());
    }

    [Fact]
    public void A_peer_that_does_not_read_ends_a_send_in_time()
    {
        (UnixMessageChannel ours, LinuxGrant theirs) = UnixMessageChannel.CreatePair();
        ours.SendTimeout = TimeSpan.FromMilliseconds(100);
        using (ours)
        using (theirs)
        {
            IOException e = Assert.Throws<IOException>(() => ours.Send(new byte[16 << 20], []));
            Assert.Contains("did not read for 0.1 s", e.Message);
        }
    }

    [Fact]
    public void A_channel_works_on_a_descriptor_that_does_not_block()
    {
        (UnixMessageChannel ours, LinuxGrant theirs) = UnixMessageChannel.CreatePair();
        Libc.Fcntl(theirs.Handle, Libc.F_SETFL, Libc.O_NONBLOCK);
        using (ours)
        using (MessageChannel channel = theirs.OpenChannel())
        {
            string? received = null;
            Thread receiver = new(() => received = Receive(channel, 2));
            receiver.Start();
            Thread.Sleep(30);
            ours.Send("ok"u8, []);
            receiver.Join();
            Assert.Equal("ok", received);
        }
    }

    [Fact]
    public void What_is_no_stream_socket_is_no_channel()
    {
        using Grant memory = _host.CreateMemory("test", 4096);
        Assert.Contains("ENOTSOCK", Assert.Throws<GrantException>(memory.OpenChannel).Message);
        using LinuxGrant datagram = new(new(Libc.Socket(Libc.AF_UNIX, 2, 0), ownsHandle: true));
        Assert.Contains("type 2", Assert.Throws<GrantException>(datagram.OpenChannel).Message);
        using LinuxGrant internet = new(new(Libc.Socket(2, Libc.SOCK_STREAM, 0), ownsHandle: true));
        Assert.Contains("domain 2", Assert.Throws<GrantException>(internet.OpenChannel).Message);
    }

    [Fact]
    public void Receiving_bytes_allocates_nothing()
    {
        byte[] buffer = new byte[16];
        List<Grant> none = [];
        Allocations.AssertNone(() =>
        {
            _left.Send("x"u8, []);
            _right.Receive(buffer, none);
        });
    }

    private static string Receive(MessageChannel channel, int length)
    {
        byte[] buffer = new byte[length];
        for (int count = 0; count < length;)
        {
            int received = channel.Receive(buffer.AsSpan(count), []);
            Assert.NotEqual(0, received);
            count += received;
        }

        return System.Text.Encoding.ASCII.GetString(buffer);
    }
}
