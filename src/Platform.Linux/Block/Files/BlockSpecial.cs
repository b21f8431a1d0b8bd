using System.Globalization;
using System.Numerics;
using Microsoft.Win32.SafeHandles;

namespace Makatea.Platform.Linux;

/// <summary>What a block device of the host says of itself.</summary>
/// <param name="Size">Size in bytes.</param>
/// <param name="IsReadOnly">It takes no writes.</param>
/// <param name="BlockSize">Logical block size in bytes.</param>
/// <param name="PhysicalBlockSize">Physical block size in bytes.</param>
/// <param name="OptimalIoSize">Best size of a request in bytes, or 0.</param>
/// <param name="DiscardGranularity">Granularity of discard in bytes; 0 where it is not done.</param>
/// <param name="CanSecureErase">It erases so that nothing is left.</param>
internal sealed unsafe record BlockSpecial(
    ulong Size, bool IsReadOnly, int BlockSize, int PhysicalBlockSize, int OptimalIoSize, int DiscardGranularity, bool CanSecureErase)
{
    /// <summary>Asks the device.</summary>
    /// <exception cref="IOException">It does not answer.</exception>
    internal static BlockSpecial Inspect(SafeFileHandle handle, string name, uint major, uint minor)
    {
        ulong size = 0;
        int readOnly = 0;
        int block = 0;
        uint physical = 0;
        uint optimal = 0;
        Ask(handle, name, Libc.BLKGETSIZE64, &size);
        Ask(handle, name, Libc.BLKROGET, &readOnly);
        Ask(handle, name, Libc.BLKSSZGET, &block);
        Ask(handle, name, Libc.BLKPBSZGET, &physical);
        Ask(handle, name, Libc.BLKIOOPT, &optimal);

        physical = BitOperations.IsPow2(physical) ? Math.Max(physical, (uint)block) : (uint)block;
        int granularity = Does(handle, Libc.BLKDISCARD) ? Math.Max(ReadGranularity(major, minor) ?? 0, (int)physical) : 0;
        return new BlockSpecial(
            size, readOnly != 0, block, (int)physical, (int)Math.Min(optimal, int.MaxValue), granularity, Does(handle, Libc.BLKSECDISCARD));
    }

    /// <summary>
    /// Whether the device does BLKDISCARD or BLKSECDISCARD. The kernel looks at that before it looks at the range, and this range is no range.
    /// </summary>
    private static bool Does(SafeFileHandle handle, nuint request)
    {
        ulong* range = stackalloc ulong[] { 1, 1 };
        return Libc.Ioctl(handle, request, range) < 0 && Errno.Last == Errno.EINVAL;
    }

    /// <summary>From sysfs, the only place that tells. A sandboxed component does not see it and goes by the physical block size.</summary>
    private static int? ReadGranularity(uint major, uint minor)
    {
        // A partition has no queue of its own; its disk is the folder above.
        foreach (string queue in new[] { "queue", "../queue" })
        {
            try
            {
                string text = File.ReadAllText(string.Create(CultureInfo.InvariantCulture, $"/sys/dev/block/{major}:{minor}/{queue}/discard_granularity"));
                return int.TryParse(text.AsSpan().Trim(), CultureInfo.InvariantCulture, out int granularity) && BitOperations.IsPow2(granularity) ? granularity : null;
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
            }
        }

        return null;
    }

    private static void Ask(SafeFileHandle handle, string name, nuint request, void* answer)
    {
        if (Libc.Ioctl(handle, request, answer) < 0)
        {
            throw LinuxError.Io($"cannot ask the block device '{name}' what it is", "ioctl", Errno.Last);
        }
    }
}
