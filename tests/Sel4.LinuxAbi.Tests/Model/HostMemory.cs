using System.Runtime.InteropServices;

namespace Makatea.Sel4.LinuxAbi.Tests;

/// <summary>The component's physical memory: a file of the host, whose pages are mapped where the layer maps them, with the rights that it gives.</summary>
internal static unsafe partial class HostMemory
{
    private const int Read = 1;
    private const int Write = 2;
    private const int Shared = 1;
    private const int Fixed = 0x10;
    private const int FixedIfFree = 0x10_0000;
    private const ulong PageSize = 4096;

    private static int _file = -1;
    private static readonly HashSet<ulong> _mapped = [];

    /// <summary>Starts anew, all of it zero.</summary>
    public static void Reset(ulong length)
    {
        foreach (ulong address in _mapped)
        {
            Assert.Equal(0, Unmap((void*)address, PageSize));
        }

        _mapped.Clear();
        if (_file >= 0)
        {
            Close(_file);
        }

        _file = Create("physical", 0);
        Assert.True(_file >= 0 && Truncate(_file, (long)length) == 0);
    }

    /// <summary>Shows a page of the file at an address.</summary>
    public static void Show(ulong address, ulong offset, bool isReadable, bool isWritable)
    {
        // Where the host's own program is nothing is put.
        int flags = Shared | (_mapped.Add(address) ? FixedIfFree : Fixed);
        void* place = Map((void*)address, PageSize, (isReadable ? Read : 0) | (isWritable ? Write : 0), flags, _file, (long)offset);
        Assert.True((ulong)place == address, $"the host has something else at 0x{address:x}");
    }

    /// <summary>Takes what is shown at an address away.</summary>
    public static void Hide(ulong address)
    {
        Assert.True(_mapped.Remove(address));
        Assert.Equal(0, Unmap((void*)address, PageSize));
    }

    [LibraryImport("libc", EntryPoint = "memfd_create", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Create(string name, uint flags);

    [LibraryImport("libc", EntryPoint = "ftruncate")]
    private static partial int Truncate(int file, long length);

    [LibraryImport("libc", EntryPoint = "close")]
    private static partial int Close(int file);

    [LibraryImport("libc", EntryPoint = "mmap")]
    private static partial void* Map(void* address, ulong length, int rights, int flags, int file, long offset);

    [LibraryImport("libc", EntryPoint = "munmap")]
    private static partial int Unmap(void* address, ulong length);
}
