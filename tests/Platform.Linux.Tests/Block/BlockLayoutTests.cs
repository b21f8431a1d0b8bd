using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Makatea.Platform.Linux.Tests;

/// <summary>Structures that go to the kernel with block requests, as 64-bit Linux has them.</summary>
public sealed class BlockLayoutTests
{
    [Fact]
    public void IoUring_sqe()
    {
        Assert.Equal(64, Unsafe.SizeOf<IoUringSqe>());
        Assert.Equal(0, Offset<IoUringSqe>(nameof(IoUringSqe.Opcode)));
        Assert.Equal(1, Offset<IoUringSqe>(nameof(IoUringSqe.Flags)));
        Assert.Equal(2, Offset<IoUringSqe>(nameof(IoUringSqe.Priority)));
        Assert.Equal(4, Offset<IoUringSqe>(nameof(IoUringSqe.File)));
        Assert.Equal(8, Offset<IoUringSqe>(nameof(IoUringSqe.Offset)));
        Assert.Equal(16, Offset<IoUringSqe>(nameof(IoUringSqe.Address)));
        Assert.Equal(24, Offset<IoUringSqe>(nameof(IoUringSqe.Length)));
        Assert.Equal(28, Offset<IoUringSqe>(nameof(IoUringSqe.OperationFlags)));
        Assert.Equal(32, Offset<IoUringSqe>(nameof(IoUringSqe.UserData)));
    }

    [Fact]
    public void IoUring_cqe()
    {
        Assert.Equal(16, Unsafe.SizeOf<IoUringCqe>());
        Assert.Equal(8, Offset<IoUringCqe>(nameof(IoUringCqe.Result)));
        Assert.Equal(12, Offset<IoUringCqe>(nameof(IoUringCqe.Flags)));
    }

    [Fact]
    public void IoUring_params()
    {
        Assert.Equal(120, Unsafe.SizeOf<IoUringParams>());
        Assert.Equal(8, Offset<IoUringParams>(nameof(IoUringParams.Flags)));
        Assert.Equal(20, Offset<IoUringParams>(nameof(IoUringParams.Features)));
        Assert.Equal(40, Offset<IoUringParams>(nameof(IoUringParams.Sq)));
        Assert.Equal(80, Offset<IoUringParams>(nameof(IoUringParams.Cq)));
    }

    [Fact]
    public void IoUring_offsets()
    {
        Assert.Equal(40, Unsafe.SizeOf<IoUringSqOffsets>());
        Assert.Equal(16, Offset<IoUringSqOffsets>(nameof(IoUringSqOffsets.Flags)));
        Assert.Equal(24, Offset<IoUringSqOffsets>(nameof(IoUringSqOffsets.Array)));
        Assert.Equal(40, Unsafe.SizeOf<IoUringCqOffsets>());
        Assert.Equal(20, Offset<IoUringCqOffsets>(nameof(IoUringCqOffsets.Cqes)));
        Assert.Equal(24, Offset<IoUringCqOffsets>(nameof(IoUringCqOffsets.Flags)));
    }

    [Fact]
    public void Flock()
    {
        Assert.Equal(32, Unsafe.SizeOf<Libc.FileLock>());
        Assert.Equal(2, Offset<Libc.FileLock>(nameof(Libc.FileLock.Whence)));
        Assert.Equal(8, Offset<Libc.FileLock>(nameof(Libc.FileLock.Start)));
        Assert.Equal(16, Offset<Libc.FileLock>(nameof(Libc.FileLock.Length)));
        Assert.Equal(24, Offset<Libc.FileLock>(nameof(Libc.FileLock.Process)));
    }

    [Fact]
    public void Statx_of_disks()
    {
        Assert.Equal(256, Unsafe.SizeOf<Libc.StatxDisk>());
        Assert.Equal(4, Offset<Libc.StatxDisk>(nameof(Libc.StatxDisk.BlockSize)));
        Assert.Equal(28, Offset<Libc.StatxDisk>(nameof(Libc.StatxDisk.Mode)));
        Assert.Equal(40, Offset<Libc.StatxDisk>(nameof(Libc.StatxDisk.Size)));
        Assert.Equal(48, Offset<Libc.StatxDisk>(nameof(Libc.StatxDisk.Blocks)));
        Assert.Equal(128, Offset<Libc.StatxDisk>(nameof(Libc.StatxDisk.SpecialMajor)));
        Assert.Equal(152, Offset<Libc.StatxDisk>(nameof(Libc.StatxDisk.DirectMemoryAlignment)));
        Assert.Equal(156, Offset<Libc.StatxDisk>(nameof(Libc.StatxDisk.DirectOffsetAlignment)));
    }

    private static int Offset<T>(string field) => (int)Marshal.OffsetOf<T>(field);
}
