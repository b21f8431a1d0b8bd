using System.Runtime.ConstrainedExecution;
using Microsoft.Win32.SafeHandles;

namespace Makatea.Platform.Linux;

/// <summary>
/// The memory that KVM and we share about a processor. It stays an address that can be written to for as long as anybody holds this object, so that a request to exit that comes late does
/// no harm.
/// </summary>
internal sealed unsafe class KvmRunPage : CriticalFinalizerObject
{
    private readonly nint _address;

    /// <summary>Maps it.</summary>
    /// <exception cref="IOException">The kernel refuses.</exception>
    internal KvmRunPage(SafeFileHandle cpu, int length)
    {
        Length = length;
        nint address = Libc.MMap(0, (nuint)length, Libc.PROT_READ | Libc.PROT_WRITE, Libc.MAP_SHARED, cpu, 0);
        if (address == Libc.MapFailed)
        {
            GC.SuppressFinalize(this);
            throw LinuxError.Io("cannot map a virtual processor's run", "mmap", Errno.Last);
        }

        _address = address;
    }

    /// <summary>Unmaps it.</summary>
    ~KvmRunPage() => _ = Libc.MUnmap(_address, (nuint)Length);

    /// <summary>Length in bytes.</summary>
    internal int Length { get; }

    /// <summary>Its start.</summary>
    internal Libc.KvmRun* Run => (Libc.KvmRun*)_address;

    /// <summary>Puts ordinary memory in its place: the processor is gone once nobody maps what was shared.</summary>
    internal void Abandon() =>
        _ = Libc.MMap(_address, (nuint)Length, Libc.PROT_READ | Libc.PROT_WRITE, Libc.MAP_PRIVATE | Libc.MAP_ANONYMOUS | Libc.MAP_FIXED, -1, 0);
}
