namespace Makatea.Platform.Linux.Tests;

/// <summary>Peers that send more than a channel takes, or leave in the middle; nothing may stay open.</summary>
[Collection(nameof(Alone))]
public sealed class HostilePeerTests
{
    private readonly LinuxHost _host = new();

    [Theory]
    [InlineData(9)]
    [InlineData(10)]
    [InlineData(253)]
    public void More_grants_than_allowed_are_all_given_up(int count) => OpenDescriptors.AssertNoneLeft(() =>
    {
        (UnixMessageChannel ours, LinuxGrant theirs) = UnixMessageChannel.CreatePair();
        using (ours)
        using (theirs)
        using (Grant memory = _host.CreateMemory("test", 4096))
        {
            RawSocket.Send(theirs.Handle, "x"u8, [.. Enumerable.Repeat((LinuxGrant)memory, count)]);
            List<Grant> grants = [];
            IOException e = Assert.Throws<IOException>(() => ours.Receive(new byte[1], grants));
            Assert.Contains("more than 8 grants", e.Message);
            Assert.Empty(grants);
        }
    });

    [Fact]
    public void Grants_that_arrive_at_a_closed_channel_are_given_up() => OpenDescriptors.AssertNoneLeft(() =>
    {
        (UnixMessageChannel ours, LinuxGrant theirs) = UnixMessageChannel.CreatePair();
        using (ours)
        using (theirs)
        using (Grant memory = _host.CreateMemory("test", 4096))
        {
            RawSocket.Send(theirs.Handle, "x"u8, [(LinuxGrant)memory]);
            ours.Close();
            List<Grant> grants = [];
            Assert.Throws<IOException>(() => ours.Receive(new byte[1], grants));
            Assert.Empty(grants);
        }
    });

    [Fact]
    public void Everything_closes_on_dispose() => OpenDescriptors.AssertNoneLeft(() =>
    {
        for (int i = 0; i < 100; i++)
        {
            using MessageChannel channel = _host.CreateChannel(out Grant peer);
            using MessageChannel other = peer.OpenChannel();
            using Grant memory = _host.CreateMemory("test", 4096);
            using Doorbell doorbell = _host.CreateDoorbell();
            using Grant bell = _host.ShareDoorbell(doorbell, DoorbellEnd.Ring);
            using DoorbellWaiter waiter = _host.CreateWaiter();
            waiter.Add(doorbell, 0);
            channel.Send("x"u8, [memory, bell, memory]);
            List<Grant> grants = [];
            other.Receive(new byte[1], grants);
            using MappedMemory mapping = grants[0].Map(0, 4096, MemoryAccess.ReadWrite);
            using Doorbell rung = grants[1].OpenDoorbell();
            Assert.Throws<GrantException>(grants[2].OpenChannel);
            Assert.Throws<GrantException>(grants[2].OpenDoorbell);
            grants.ForEach(grant => grant.Dispose());
        }
    });

    [Fact]
    public void Failures_leave_nothing_open() => OpenDescriptors.AssertNoneLeft(() =>
    {
        Assert.Throws<IOException>(() => UnixMessageChannel.Connect("/nonexistent/socket"));
        Assert.Throws<IOException>(() => UnixChannelListener.Bind("/nonexistent/socket"));
        Assert.Throws<ArgumentException>(() => UnixMessageChannel.Connect(new string('x', 108)));
        Assert.Throws<ArgumentOutOfRangeException>(() => _host.CreateMemory("test", ulong.MaxValue));
    });
}
