using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Makatea.BlockStress;

/// <summary>A block device opened past the page cache: every read and write is a request of its own.</summary>
internal sealed class DirectDisk : IDisposable
{
    private const int ReadWrite = 2;
    private const int Direct = 0x4000;
    private const int CloseOnExec = 0x80000;

    private readonly SafeFileHandle _handle;

    /// <summary>Opens a device.</summary>
    public DirectDisk(string path)
    {
        int descriptor = Open(path, ReadWrite | Direct | CloseOnExec);
        if (descriptor < 0)
        {
            throw new IOException($"cannot open {path}: {Marshal.GetLastPInvokeErrorMessage()}");
        }

        _handle = new SafeFileHandle(descriptor, ownsHandle: true);
        Length = Seek(descriptor, 0, 2);
    }

    /// <summary>Bytes.</summary>
    public long Length { get; }

    /// <summary>Reads at <paramref name="offset"/>; buffer and offset are aligned to blocks.</summary>
    public void Read(Span<byte> buffer, long offset)
    {
        int length = RandomAccess.Read(_handle, buffer, offset);
        if (length != buffer.Length)
        {
            throw new IOException($"read {length} of {buffer.Length} bytes at {offset}");
        }
    }

    /// <summary>Writes at <paramref name="offset"/>; buffer and offset are aligned to blocks.</summary>
    public void Write(ReadOnlySpan<byte> buffer, long offset) => RandomAccess.Write(_handle, buffer, offset);

    /// <summary>Flushes the device's cache.</summary>
    public void Flush() => RandomAccess.FlushToDisk(_handle);

    /// <inheritdoc/>
    public void Dispose() => _handle.Dispose();

    [DllImport("libc", EntryPoint = "open", SetLastError = true)]
    private static extern int Open([MarshalAs(UnmanagedType.LPUTF8Str)] string path, int flags);

    [DllImport("libc", EntryPoint = "lseek", SetLastError = true)]
    private static extern long Seek(int descriptor, long offset, int origin);
}
