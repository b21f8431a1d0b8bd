using System.Numerics;
using Microsoft.Win32.SafeHandles;

namespace Makatea.Platform.Linux;

/// <summary>Makes rings, as good as the kernel's are.</summary>
internal static unsafe class IoUringFactory
{
    // The most that the kernel takes: half of what the completion queue may have.
    private const uint MostEntries = 32768;
    private const uint NeededFeatures = IoUringAbi.FeatureSingleMmap | IoUringAbi.FeatureNoDrop;

    // Best first. DEFER_TASKRUN (Linux 6.1) does the kernel's part of a completion when we ask for completions, not in the middle of something
    // else; COOP_TASKRUN (5.19) at least interrupts nobody.
    internal static readonly uint[] Modes =
    [
        IoUringAbi.SetupSingleIssuer | IoUringAbi.SetupDeferTaskRun | IoUringAbi.SetupTaskRunFlag,
        IoUringAbi.SetupCoopTaskRun | IoUringAbi.SetupTaskRunFlag,
        0,
    ];

    /// <summary>Makes a ring for one file, stopped until <see cref="IoUringRing.Enable"/>.</summary>
    /// <param name="file">The file that entries with <see cref="IoUringAbi.SqeFixedFile"/> and number 0 mean.</param>
    /// <param name="depth">Most entries outstanding, up to 65,536.</param>
    /// <param name="doorbell">Rung for completions while <see cref="IoUringRing.SetEventFd"/> says so.</param>
    /// <param name="modes">Modes to try, best first.</param>
    /// <exception cref="IOException">The kernel gives us none; its <see cref="Exception.HResult"/> is the error number.</exception>
    internal static IoUringRing Create(BlockFile file, int depth, EventDoorbell doorbell, uint[] modes)
    {
        IoUringRing ring = Map(TryModes(depth, modes, out IoUringParams parameters), parameters);
        try
        {
            RequireOperations(ring);
            int descriptor = file.Descriptor;
            ring.Register(IoUringAbi.RegisterFiles, &descriptor, 1);
            int eventFd = (int)doorbell.Handle.DangerousGetHandle();
            ring.Register(IoUringAbi.RegisterEventFd, &eventFd, 1);
            return ring;
        }
        catch
        {
            ring.Dispose();
            throw;
        }
    }

    /// <summary>Asks the kernel for a ring in the first of <paramref name="modes"/> that it knows.</summary>
    /// <exception cref="IOException">It gives us none.</exception>
    internal static SafeFileHandle TryModes(int depth, ReadOnlySpan<uint> modes, out IoUringParams parameters)
    {
        parameters = default;
        int fd = -1;
        foreach (uint mode in modes)
        {
            IoUringParams wanted = new()
            {
                Flags = mode | IoUringAbi.SetupDisabled | IoUringAbi.SetupClamp | IoUringAbi.SetupCqSize,
                CqEntries = BitOperations.RoundUpToPowerOf2((uint)depth),
            };
            fd = Libc.IoUringSetup(Math.Min(wanted.CqEntries, MostEntries), &wanted);
            parameters = wanted;
            if (fd >= 0 || Errno.Last != Errno.EINVAL)
            {
                break;
            }
        }

        return LinuxError.Descriptor(fd, "cannot make an io_uring", "io_uring_setup");
    }

    /// <summary>What a user can do where the kernel gives us no ring.</summary>
    internal static string Advice(int errno) => errno switch
    {
        Errno.EPERM => "it is forbidden by a sandbox's filter, or by the kernel (sysctl kernel.io_uring_disabled; 0 allows it)",
        Errno.ENOSYS => "it needs Linux 5.10 or newer, built with it, and a sandbox's filter that lets it through",
        Errno.ENOMEM => "raise the limit of locked memory (ulimit -l)",
        Errno.EMFILE or Errno.ENFILE => "raise the limit of open files (ulimit -n)",
        _ => "it needs Linux 5.10 or newer",
    };

    private static IoUringRing Map(SafeFileHandle handle, in IoUringParams parameters)
    {
        try
        {
            return (parameters.Features & NeededFeatures) == NeededFeatures ? new IoUringRing(handle, parameters) : throw TooOld();
        }
        catch
        {
            handle.Dispose();
            throw;
        }
    }

    private static void RequireOperations(IoUringRing ring)
    {
        // struct io_uring_probe: 16 bytes, the first of which is the last operation known; then 8 bytes each, with flags at 2.
        const int Header = 16;
        const int Entry = 8;
        byte* probe = stackalloc byte[Header + (256 * Entry)];
        new Span<byte>(probe, Header + (256 * Entry)).Clear();
        ring.Register(IoUringAbi.RegisterProbe, probe, 256);
        foreach (byte operation in (ReadOnlySpan<byte>)
            [IoUringAbi.OpReadV, IoUringAbi.OpWriteV, IoUringAbi.OpFSync, IoUringAbi.OpFAllocate, IoUringAbi.OpRead, IoUringAbi.OpWrite])
        {
            if (operation > probe[0] || (*(ushort*)(probe + Header + (operation * Entry) + 2) & IoUringAbi.ProbeSupported) == 0)
            {
                throw TooOld();
            }
        }
    }

    private static IOException TooOld() => new("this kernel's io_uring is too old", Errno.ENOSYS);
}
