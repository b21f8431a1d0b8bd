namespace Makatea.Platform.Linux.Tests;

public sealed class MappingTests
{
    private readonly LinuxHost _host = new();

    [Fact]
    public void Two_mappings_of_a_grant_share_their_bytes()
    {
        using Grant grant = _host.CreateMemory("test", 65536);
        using MappedMemory one = grant.Map(0, 65536, MemoryAccess.ReadWrite);
        using MappedMemory two = grant.Map(4096, 8192, MemoryAccess.Read);
        one.View().ReleaseUInt32(4100, 0xcafe);
        Assert.Equal(0xcafeu, two.View().AcquireUInt32(4));
    }

    [Theory]
    [InlineData(0, 1)]
    [InlineData(1, 1)]
    [InlineData(4095, 2)]
    [InlineData(5000, 7000)]
    [InlineData(65535, 1)]
    [InlineData(12288, 53248)]
    public void Any_offset_and_length_inside_can_be_mapped(int offset, int length)
    {
        using Grant grant = _host.CreateMemory("test", 65536);
        using MappedMemory whole = grant.Map(0, 65536, MemoryAccess.ReadWrite);
        for (int i = 0; i < 65536; i++)
        {
            whole.View().ReleaseByte((nuint)i, (byte)(i * 7 / 3));
        }

        using MappedMemory part = grant.Map((ulong)offset, (ulong)length, MemoryAccess.ReadWrite);
        Assert.Equal((ulong)length, part.Length);
        Assert.Equal(whole.Slice(0, 65536).AsSpan().Slice(offset, length).ToArray(), part.Slice(0, length).AsSpan().ToArray());
    }

    [Theory]
    [InlineData(0ul, 0ul)]
    [InlineData(0ul, 65537ul)]
    [InlineData(65536ul, 1ul)]
    [InlineData(4096ul, ulong.MaxValue)]
    [InlineData(ulong.MaxValue, 2ul)]
    [InlineData(ulong.MaxValue - 4095, 8192ul)]
    public void What_is_not_inside_is_refused(ulong offset, ulong length)
    {
        using Grant grant = _host.CreateMemory("test", 65536);
        GrantException e = Assert.Throws<GrantException>(() => grant.Map(offset, length, MemoryAccess.ReadWrite));
        Assert.Contains("65536 bytes long", e.Message);
    }

    [Fact]
    public void Large_mappings_are_aligned_to_huge_pages_of_their_file()
    {
        using Grant grant = _host.CreateMemory("test", 16 << 20);
        using MappedMemory whole = grant.Map(0, 16 << 20, MemoryAccess.ReadWrite);
        using MappedMemory part = grant.Map(0x3000, 8 << 20, MemoryAccess.ReadWrite);
        Assert.Equal(0, whole.Address & 0x1fffff);
        Assert.Equal(0x3000, part.Address & 0x1fffff);
        part.View().ReleaseUInt32((8 << 20) - 4, 99);
        Assert.Equal(99u, whole.View().AcquireUInt32((8 << 20) + 0x3000 - 4));
    }

    [Fact]
    public void Mappings_have_inaccessible_pages_around_them_and_leave_nothing_behind()
    {
        using Grant grant = _host.CreateMemory("test", 5 << 20);
        MappedMemory memory = grant.Map(4096, 4 << 20, MemoryAccess.ReadWrite);
        long start = memory.Address;
        string[] before = MapsOf(start - 4096, start + (4 << 20) + 4096);
        Assert.Equal(3, before.Length);
        Assert.Contains("---p", before[0]);
        Assert.Contains("rw-s", before[1]);
        Assert.Contains("memfd:test", before[1]);
        Assert.Contains("---p", before[2]);

        memory.Dispose();

        Assert.DoesNotContain(MapsOf(start - 4096, start + (4 << 20) + 4096), line => line.Contains("memfd:test"));
    }

    [Fact]
    public void Running_over_the_end_ends_the_process()
    {
        (int code, string output) = ChildProcess.Run("overrun");
        Assert.Contains("touching", output);
        Assert.Contains("AccessViolationException", output);
        Assert.NotEqual(0, code);
    }

    [Fact]
    public void Memory_sealed_against_writing_is_mapped_for_reading_only()
    {
        using LinuxGrant grant = TestMemory.Unsealed(4096);
        Assert.Equal(0, Libc.Fcntl(grant.Handle, Libc.F_ADD_SEALS, Libc.F_SEAL_WRITE));
        using MappedMemory memory = grant.Map(0, 4096, MemoryAccess.Read);
        GrantException e = Assert.Throws<GrantException>(() => grant.Map(0, 4096, MemoryAccess.ReadWrite));
        Assert.Contains("EPERM", e.Message);
        Assert.Contains("sealed", e.Message);
    }

    [Fact]
    public void A_descriptor_open_for_reading_grants_no_writing()
    {
        string path = Path.GetTempFileName();
        File.WriteAllBytes(path, new byte[4096]);
        using LinuxGrant grant = new(File.OpenHandle(path, options: FileOptions.DeleteOnClose));
        using MappedMemory memory = grant.Map(0, 4096, MemoryAccess.Read);
        GrantException e = Assert.Throws<GrantException>(() => grant.Map(0, 4096, MemoryAccess.Write));
        Assert.Contains("EACCES", e.Message);
    }

    [Theory]
    [InlineData("/dev/zero", "a character device")]
    [InlineData("/", "a folder")]
    public void What_is_not_memory_is_refused(string path, string kind)
    {
        using LinuxGrant grant = new(OpenPath(path));
        GrantException e = Assert.Throws<GrantException>(() => grant.Map(0, 4096, MemoryAccess.Read));
        Assert.Contains(kind, e.Message);
    }

    [Fact]
    public void A_doorbell_is_not_memory()
    {
        using Doorbell doorbell = _host.CreateDoorbell();
        using Grant grant = _host.ShareDoorbell(doorbell, DoorbellEnd.Ring);
        GrantException e = Assert.Throws<GrantException>(() => grant.Map(0, 8, MemoryAccess.Read));
        Assert.Contains("eventfd", e.Message);
    }

    [Fact]
    public void Huge_pages_are_mapped_at_any_offset()
    {
        // Reserving needs huge pages in the pool; mapping without them fails cleanly, and both are right.
        using LinuxGrant grant = new(new(Libc.MemfdCreate("huge", Libc.MFD_CLOEXEC | 4), ownsHandle: true));
        TestMemory.Resize(grant.Handle, 4 << 20);
        try
        {
            using MappedMemory memory = grant.Map(4096 + (2 << 20), 8192, MemoryAccess.ReadWrite);
            memory.View().ReleaseUInt32(0, 1);
            Assert.Equal(4096, memory.Address & 0x1fffff);
            Assert.False(memory.IsLost);
            TestMemory.Resize(grant.Handle, 0);
            Assert.Equal(0u, memory.View().AcquireUInt32(4096));
            Assert.True(memory.IsLost);
        }
        catch (GrantException e)
        {
            Assert.Contains("ENOMEM", e.Message);
            Assert.Contains("huge page", e.Message);
        }
    }

    [Fact]
    public void Asking_whether_memory_is_lost_allocates_nothing()
    {
        using Grant grant = _host.CreateMemory("test", 4096);
        using MappedMemory memory = grant.Map(0, 4096, MemoryAccess.ReadWrite);
        Allocations.AssertNone(() => Assert.False(memory.IsLost));
    }

    private static Microsoft.Win32.SafeHandles.SafeFileHandle OpenPath(string path)
    {
        // .NET opens no folders; a descriptor of one is at hand in /proc.
        int fd = path == "/" ? Libc.Open(path, 0x10000 | 0x80000) : Libc.Open(path, 0x80000);
        return new(fd, ownsHandle: true);
    }

    private static string[] MapsOf(long start, long end) =>
        [.. File.ReadLines("/proc/self/maps").Where(line =>
        {
            string[] range = line.Split(' ')[0].Split('-');
            return Convert.ToInt64(range[0], 16) < end && Convert.ToInt64(range[1], 16) > start;
        })];
}
