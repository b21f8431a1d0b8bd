using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Makatea.Platform.Linux.Tests;

/// <summary>Structures that go to the kernel, as 64-bit Linux has them.</summary>
public sealed class LayoutTests
{
    [Fact]
    public void Statx()
    {
        Assert.Equal(256, Unsafe.SizeOf<Libc.Statx>());
        Assert.Equal(28, Offset<Libc.Statx>(nameof(Libc.Statx.Mode)));
        Assert.Equal(32, Offset<Libc.Statx>(nameof(Libc.Statx.Inode)));
        Assert.Equal(40, Offset<Libc.Statx>(nameof(Libc.Statx.Size)));
        Assert.Equal(136, Offset<Libc.Statx>(nameof(Libc.Statx.DeviceMajor)));
        Assert.Equal(140, Offset<Libc.Statx>(nameof(Libc.Statx.DeviceMinor)));
    }

    [Fact]
    public void Statx_reads_a_file()
    {
        string path = Path.GetTempFileName();
        File.WriteAllBytes(path, new byte[12345]);
        Assert.Equal(0, Libc.StatxAt(Libc.AT_FDCWD, path, 0, Libc.STATX_BASIC_STATS, out Libc.Statx file));
        File.Delete(path);
        Assert.Equal(12345ul, file.Size);
        Assert.Equal(Libc.S_IFREG, file.Mode & Libc.S_IFMT);
    }

    [Fact]
    public void StatFs()
    {
        Assert.Equal(120, Unsafe.SizeOf<Libc.StatFs>());
        Assert.Equal(0, Offset<Libc.StatFs>(nameof(Libc.StatFs.Type)));
        Assert.Equal(8, Offset<Libc.StatFs>(nameof(Libc.StatFs.BlockSize)));
    }

    [Fact]
    public void MsgHdr()
    {
        Assert.Equal(56, Unsafe.SizeOf<Libc.MessageHeader>());
        Assert.Equal(0, Offset<Libc.MessageHeader>(nameof(Libc.MessageHeader.Name)));
        Assert.Equal(8, Offset<Libc.MessageHeader>(nameof(Libc.MessageHeader.NameLength)));
        Assert.Equal(16, Offset<Libc.MessageHeader>(nameof(Libc.MessageHeader.Segments)));
        Assert.Equal(24, Offset<Libc.MessageHeader>(nameof(Libc.MessageHeader.SegmentCount)));
        Assert.Equal(32, Offset<Libc.MessageHeader>(nameof(Libc.MessageHeader.Control)));
        Assert.Equal(40, Offset<Libc.MessageHeader>(nameof(Libc.MessageHeader.ControlLength)));
        Assert.Equal(48, Offset<Libc.MessageHeader>(nameof(Libc.MessageHeader.Flags)));
    }

    [Fact]
    public void CMsgHdr()
    {
        Assert.Equal(16, Unsafe.SizeOf<Libc.ControlHeader>());
        Assert.Equal(8, Offset<Libc.ControlHeader>(nameof(Libc.ControlHeader.Level)));
        Assert.Equal(12, Offset<Libc.ControlHeader>(nameof(Libc.ControlHeader.Type)));
    }

    [Fact]
    public void SockAddrUn()
    {
        Assert.Equal(110, Unsafe.SizeOf<Libc.UnixAddress>());
        Assert.Equal(2, Offset<Libc.UnixAddress>(nameof(Libc.UnixAddress.Path)));
    }

    [Fact]
    public void SigAction()
    {
        Assert.Equal(152, Unsafe.SizeOf<Libc.SignalAction>());
        Assert.Equal(8, Offset<Libc.SignalAction>(nameof(Libc.SignalAction.Mask)));
        Assert.Equal(136, Offset<Libc.SignalAction>(nameof(Libc.SignalAction.Flags)));
        Assert.Equal(144, Offset<Libc.SignalAction>(nameof(Libc.SignalAction.Restorer)));
    }

    [Fact]
    public void PollFd_and_TimeSpec()
    {
        Assert.Equal(8, Unsafe.SizeOf<Libc.PollFd>());
        Assert.Equal(4, Offset<Libc.PollFd>(nameof(Libc.PollFd.Events)));
        Assert.Equal(6, Offset<Libc.PollFd>(nameof(Libc.PollFd.ReturnedEvents)));
        Assert.Equal(16, Unsafe.SizeOf<Libc.TimeSpec>());
        Assert.Equal(8, Offset<Libc.TimeSpec>(nameof(Libc.TimeSpec.Nanoseconds)));
    }

    private static int Offset<T>(string field) => (int)Marshal.OffsetOf<T>(field);
}
