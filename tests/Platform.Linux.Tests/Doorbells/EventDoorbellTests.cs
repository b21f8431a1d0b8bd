using Microsoft.Win32.SafeHandles;

namespace Makatea.Platform.Linux.Tests;

public sealed class EventDoorbellTests
{
    private readonly LinuxHost _host = new();

    [Fact]
    public void A_shared_doorbell_rings_the_same_bell()
    {
        using Doorbell ours = _host.CreateDoorbell();
        using Doorbell theirs = _host.ShareDoorbell(ours, DoorbellEnd.Ring).OpenDoorbell();
        using DoorbellWaiter waiter = _host.CreateWaiter();
        waiter.Add(ours, 3);
        theirs.Ring();
        Assert.Equal(1ul << 3, waiter.Wait(Time.In(5)));
    }

    [Fact]
    public void A_shared_doorbell_outlives_the_original()
    {
        Doorbell ours = _host.CreateDoorbell();
        using Doorbell theirs = _host.ShareDoorbell(ours, DoorbellEnd.Ring).OpenDoorbell();
        ours.Dispose();
        using DoorbellWaiter waiter = _host.CreateWaiter();
        waiter.Add(theirs, 0);
        theirs.Ring();
        Assert.Equal(1ul, waiter.Wait(Time.In(5)));
    }

    [Fact]
    public void A_full_count_is_no_error()
    {
        SafeFileHandle descriptor = new(Libc.EventFd(uint.MaxValue, Libc.EFD_CLOEXEC), ownsHandle: true);
        using Doorbell doorbell = new LinuxGrant(descriptor).OpenDoorbell();
        Fill(descriptor);
        doorbell.Ring();
        doorbell.Ring();
    }

    [Fact]
    public void A_granted_eventfd_that_would_block_is_made_not_to()
    {
        SafeFileHandle descriptor = new(Libc.EventFd(0, Libc.EFD_CLOEXEC), ownsHandle: true);
        using Doorbell doorbell = new LinuxGrant(descriptor).OpenDoorbell();
        Assert.NotEqual(0, Libc.Fcntl(descriptor, Libc.F_GETFL, 0) & Libc.O_NONBLOCK);
    }

    [Fact]
    public void Ringing_allocates_nothing()
    {
        using Doorbell doorbell = _host.CreateDoorbell();
        Allocations.AssertNone(doorbell.Ring);
    }

    [Fact]
    public void Ringing_a_disposed_doorbell_throws_and_writes_to_nobody()
    {
        Doorbell doorbell = _host.CreateDoorbell();
        doorbell.Dispose();
        Assert.Throws<ObjectDisposedException>(doorbell.Ring);
    }

    [Fact]
    public void Memory_is_no_doorbell()
    {
        using Grant grant = _host.CreateMemory("test", 4096);
        GrantException e = Assert.Throws<GrantException>(grant.OpenDoorbell);
        Assert.Contains("a file was granted as a doorbell", e.Message);
        using MappedMemory memory = grant.Map(0, 4096, MemoryAccess.Read);
        Assert.Equal(0ul, memory.View().AcquireUInt64(0));
    }

    [Fact]
    public void Another_anonymous_descriptor_is_no_doorbell()
    {
        using Grant grant = new LinuxGrant(new SafeFileHandle(Libc.EpollCreate1(Libc.EPOLL_CLOEXEC), ownsHandle: true));
        GrantException e = Assert.Throws<GrantException>(grant.OpenDoorbell);
        Assert.Contains("eventfd", e.Message);
    }

    [Fact]
    public void A_socket_is_no_doorbell()
    {
        using MessageChannel channel = _host.CreateChannel(out Grant peer);
        using (peer)
        {
            Assert.Contains("a socket", Assert.Throws<GrantException>(peer.OpenDoorbell).Message);
        }
    }

    [Fact]
    public void A_grant_that_was_used_up_is_gone()
    {
        using Doorbell doorbell = _host.CreateDoorbell();
        Grant grant = _host.ShareDoorbell(doorbell, DoorbellEnd.Ring);
        using Doorbell opened = grant.OpenDoorbell();
        Assert.Throws<ObjectDisposedException>(grant.OpenDoorbell);
        grant.Dispose();
        opened.Ring();
    }

    private static void Fill(SafeFileHandle eventfd)
    {
        using FileStream stream = new(new SafeFileHandle(eventfd.DangerousGetHandle(), ownsHandle: false), FileAccess.Write, 0);
        stream.Write(BitConverter.GetBytes(ulong.MaxValue - 1 - uint.MaxValue));
    }
}
