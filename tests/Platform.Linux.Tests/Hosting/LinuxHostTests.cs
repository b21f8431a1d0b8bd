using System.IO.Pipes;

namespace Makatea.Platform.Linux.Tests;

public sealed class LinuxHostTests
{
    private readonly LinuxHost _host = new();

    [Fact]
    public void Memory_is_zeroed_and_of_fixed_size()
    {
        using LinuxGrant grant = (LinuxGrant)_host.CreateMemory("test", 10000);
        using MappedMemory memory = grant.Map(0, 10000, MemoryAccess.ReadWrite);
        Assert.Equal(-1, memory.Slice(0, 10000).AsSpan().IndexOfAnyExcept((byte)0));
        Assert.Equal(-1, Libc.FTruncate(grant.Handle, 4096));
        Assert.Equal(-1, Libc.FTruncate(grant.Handle, 20000));
        Assert.Equal(-1, Libc.Fcntl(grant.Handle, Libc.F_ADD_SEALS, Libc.F_SEAL_WRITE));
        Assert.Equal(Libc.FD_CLOEXEC, Libc.Fcntl(grant.Handle, Libc.F_GETFD, 0));
    }

    [Fact]
    public void Memory_has_a_name_of_any_length()
    {
        using Grant grant = _host.CreateMemory(new string('é', 400), 4096);
        Assert.Throws<ArgumentOutOfRangeException>(() => _host.CreateMemory("none", 0));
    }

    [Fact]
    public void An_inherited_descriptor_becomes_a_grant()
    {
        using AnonymousPipeServerStream pipe = new(PipeDirection.Out);
        int fd = Libc.Fcntl((int)pipe.SafePipeHandle.DangerousGetHandle(), 0 /* F_DUPFD */, 100);
        using LinuxGrant grant = LinuxHost.Adopt(new ManifestGrant("bell", GrantType.Doorbell, fd));
        Assert.Equal(fd, (int)grant.Handle.DangerousGetHandle());
        Assert.Equal(Libc.FD_CLOEXEC, Libc.Fcntl(grant.Handle, Libc.F_GETFD, 0));
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(9999)]
    public void A_descriptor_that_is_not_open_is_refused(int fd)
    {
        GrantException e = Assert.Throws<GrantException>(() => LinuxHost.Adopt(new ManifestGrant("disk", GrantType.File, fd)));
        Assert.Contains("grant 'disk' (File)", e.Message);
        Assert.Contains($"descriptor {fd} is not open", e.Message);
    }

    [Fact]
    public void Doorbells_of_another_host_are_refused()
    {
        using Doorbell foreign = new ForeignDoorbell();
        using DoorbellWaiter waiter = _host.CreateWaiter();
        Assert.Throws<ArgumentException>(() => _host.ShareDoorbell(foreign, DoorbellEnd.Ring));
        Assert.Throws<ArgumentException>(() => waiter.Add(foreign, 0));
    }

    private sealed class ForeignDoorbell : Doorbell
    {
        public override void Ring()
        {
        }

        protected override void Dispose(bool disposing)
        {
        }
    }
}
