using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

namespace Makatea.Platform.Linux;

/// <summary>
/// A file in memory, mapped, so that a request is a copy and no system call. The mapping is a short cut that may end at any time: where a
/// page is not known to be there, or after the mapping was lost, requests go through system calls.
/// </summary>
/// <remarks>
/// What makes it safe:
/// <list type="bullet">
/// <item>An access behind the end of a file that was cut off faults. <see cref="FaultGuard"/> answers that with zeroes in the place of the whole
/// mapping, and says so, before the access goes on; so whoever looks at <see cref="IsLost"/> after copying knows whether it copied the file.</item>
/// <item>Bytes between the new end of such a file and the end of that page do not fault, so after copying one has to look at the file's size too.</item>
/// <item>Reading a hole through a mapping fills it, and writing one on a full file system faults. Only pages that <see cref="AllocationMap"/> knows of are
/// touched.</item>
/// </list>
/// </remarks>
internal sealed unsafe class FileMap : IDisposable
{
    // The allocation map of this much is 32 MiB.
    private const ulong MostBytes = 1ul << 40;
    private const ulong PageSize = 4096;

    private readonly BlockFile _file;
    private readonly LinuxMappedMemory _memory;

    private FileMap(BlockFile file, LinuxMappedMemory memory)
    {
        _file = file;
        _memory = memory;
        Pages = new AllocationMap(file.Descriptor, memory.Length);
    }

    /// <summary>Which pages are there.</summary>
    internal AllocationMap Pages { get; }

    /// <summary>The mapping was taken away, by whoever cut the file off. What was copied from or to it before this was seen has to be done again.</summary>
    internal bool IsLost => _memory.IsLost;

    /// <summary>Maps a file in memory.</summary>
    /// <exception cref="IOException">It cannot be mapped; the message says why.</exception>
    internal static FileMap Open(BlockFile file)
    {
        ulong length = file.SectorCount * BlockDevice.SectorSize;
        if (!FaultGuard.IsSupported || !file.Traits.IsInMemory || length is 0 or > MostBytes)
        {
            throw new IOException($"only files in memory (tmpfs, memfd) of 1 byte to 1 TiB are mapped, and on x86-64 alone; '{file.Name}' is not");
        }

        int protection = Libc.PROT_READ | (file.Traits.IsReadOnly ? 0 : Libc.PROT_WRITE);
        try
        {
            return new FileMap(file, LinuxMappedMemory.Map(file.Handle, 0, length, PageSize, protection));
        }
        catch (GrantException e)
        {
            throw new IOException($"'{file.Name}': {e.Message}", e);
        }
    }

    /// <summary>Copies a read or write that passed <see cref="BlockFile.Check"/>, if all its pages are there.</summary>
    /// <returns>False where the request has to go through a system call. True is right only if the mapping and the file are whole afterwards
    /// (<see cref="IsWhole"/>).</returns>
    internal bool TryCopy(in BlockRequest request)
    {
        ulong offset = request.Sector * BlockDevice.SectorSize;
        ulong length = (ulong)request.SectorCount * BlockDevice.SectorSize;
        if (length == 0 || offset + length > _memory.Length || !Pages.Contain(offset, length))
        {
            return false;
        }

        bool isWrite = request.Operation == BlockOperation.Write;
        foreach (ref readonly MemorySegment segment in request.Data.AsSpan())
        {
            MemorySegment bytes = _memory.Slice(offset, segment.Length);
            (isWrite ? segment : bytes).AsSpan().CopyTo((isWrite ? bytes : segment).AsSpan());
            offset += (uint)segment.Length;
        }

        return true;
    }

    /// <summary>
    /// Has the processor fetch the start of a request's data and find its pages while it is busy with the request before. Takes any request. A fifth
    /// to a third of the time of random 4 KiB requests went into waiting for that.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal void Prefetch(in BlockRequest request)
    {
        // Four lines get the processor's own prefetching going. What is behind the addresses does not matter: a prefetch does not fault.
        const int Line = 64;
        byte* bytes = (byte*)_memory.Address + (request.Sector * BlockDevice.SectorSize);
        Sse.Prefetch0(bytes);
        Sse.Prefetch0(bytes + Line);
        Sse.Prefetch0(bytes + (2 * Line));
        Sse.Prefetch0(bytes + (3 * Line));
        if (request.Data.Count > 0)
        {
            Sse.Prefetch0((void*)request.Data.AsSpan()[0].Address);
        }
    }

    /// <summary>Whether everything that was copied before was of the file.</summary>
    internal bool IsWhole() => !IsLost && _file.IsWhole();

    /// <inheritdoc/>
    public void Dispose()
    {
        _memory.Dispose();
        Pages.Dispose();
    }
}
