using static Makatea.Platform.Linux.Sandboxing.ArgumentTest;
using static Makatea.Platform.Linux.Sandboxing.Syscall;

namespace Makatea.Platform.Linux.Sandboxing;

/// <summary>
/// The filter that a component starts under: the calls of a running .NET program on descriptors that it has. What is not here is refused
/// with EPERM, and with ENOSYS where the C library then takes an older way; .NET lives with both.
/// </summary>
internal static class SeccompPolicy
{
    internal const int Eperm = 1;
    internal const int Eacces = 13;
    internal const int Einval = 22;
    internal const int Enosys = 38;

    /// <summary>Refuses everything that is not named.</summary>
    public const uint Otherwise = SeccompProgram.Errno | Eperm;

    // O_ACCMODE, O_CREAT, O_TRUNC, O_APPEND, __O_TMPFILE
    private const uint WritingOpenFlags = 0x3 | 0x40 | 0x200 | 0x400 | 0x40_0000;

    private const uint MapGrowsDown = 0x100;
    private const uint RemapFixed = 2;
    private const uint RemapDontUnmap = 4; // takes the new address as a hint

    // CLONE_VM, CLONE_SIGHAND, CLONE_THREAD: a thread.
    private const uint ThreadFlags = 0x100 | 0x800 | 0x1_0000;

    // CLONE_PIDFD, _PTRACE, _VFORK, _PARENT, _NEWNS, _UNTRACED, _NEWCGROUP, _NEWUTS, _NEWIPC, _NEWUSER, _NEWPID, _NEWNET
    private const uint NotThreadFlags = 0x1000 | 0x2000 | 0x4000 | 0x8000 | 0x2_0000 | 0x80_0000 | 0x7E00_0000;

    private static readonly Syscall[] _admitted =
    [
        // Descriptors that it has.
        Read, Write, Close, Fstat, Lseek, Pread64, Pwrite64, Readv, Writev, Preadv, Pwritev, Preadv2, Pwritev2, Dup, Dup2, Dup3, Pipe, Pipe2,
        CloseRange, Flock, Fsync, Fdatasync, Ftruncate, Fallocate, Fadvise64, SyncFileRange, CopyFileRange, Fstatfs, Getdents64,
        Sendto, Recvfrom, Sendmsg, Recvmsg, Sendmmsg, Recvmmsg, Shutdown, Accept4, Getsockname, Getpeername, Getsockopt,
        Poll, Ppoll, Select, Pselect6, EpollCreate1, EpollCtl, EpollWait, EpollPwait, EpollPwait2, Eventfd2, MemfdCreate,
        TimerfdCreate, TimerfdSettime, TimerfdGettime,

        // Names: only what the root of its own, or Landlock, shows it.
        Stat, Lstat, Access, Readlink, Newfstatat, Readlinkat, Faccessat, Faccessat2, Statx, Statfs, Getcwd,

        // Its memory.
        Munmap, Mprotect, Madvise, Msync, Mincore, Brk, Mlock, Mlock2, Munlock, Membarrier,

        // Its threads.
        Futex, FutexWaitv, SetRobustList, GetRobustList, SetTidAddress, Rseq, SchedYield, SchedGetaffinity, SchedSetaffinity, SchedGetparam,
        SchedGetscheduler, SchedGetPriorityMax, SchedGetPriorityMin, Getcpu, Gettid, Exit, ExitGroup, RestartSyscall,
        RtSigaction, RtSigprocmask, RtSigreturn, RtSigpending, RtSigtimedwait, RtSigsuspend, Sigaltstack,

        // Clocks.
        Nanosleep, ClockNanosleep, ClockGettime, ClockGetres, Gettimeofday, Times, TimerCreate, TimerSettime, TimerGettime, TimerGetoverrun, TimerDelete,

        // What it is.
        Getpid, Getppid, Getpgrp, Getpgid, Getsid, Getuid, Getgid, Geteuid, Getegid, Getresuid, Getresgid, Capget, Uname, Sysinfo,
        Getrusage, Getrlimit, Getpriority, Getrandom,
    ];

    private static readonly Syscall[] _unknown = [Clone3, Openat2, Mbind, SetMempolicy, GetMempolicy, SetMempolicyHomeNode];

    private static readonly uint[] _controls =
    [
        0x541B, 0x5421, 0x5450, 0x5451, // FIONREAD, FIONBIO, FIONCLEX, FIOCLEX
        0x5401, 0x5413, // TCGETS, TIOCGWINSZ
        0x125E, 0x1260, 0x8008_1272, 0x1268, 0x127B, // BLKROGET, BLKGETSIZE, BLKGETSIZE64, BLKSSZGET, BLKPBSZGET
        0x1278, 0x1279, 0x127A, 0x127E, // BLKIOMIN, BLKIOOPT, BLKALIGNOFF, BLKROTATIONAL
        0x1261, 0x1277, 0x127D, 0x127F, // BLKFLSBUF, BLKDISCARD, BLKSECDISCARD, BLKZEROOUT

        // Of VFIO what a function and its DMA space take: VFIO_DEVICE_GET_INFO, _GET_REGION_INFO, _GET_IRQ_INFO, _SET_IRQS, _RESET;
        // VFIO_IOMMU_GET_INFO, _MAP_DMA, _UNMAP_DMA of a container; IOMMU_IOAS_IOVA_RANGES, _MAP, _UNMAP, IOMMU_VFIO_IOAS of an iommufd.
        // Not what makes spaces, joins groups, binds functions and attaches them.
        0x3B6B, 0x3B6C, 0x3B6D, 0x3B6E, 0x3B6F,
        0x3B70, 0x3B71, 0x3B72,
        0x3B84, 0x3B85, 0x3B86, 0x3B88,

        0x8004_54D2, // TUNGETIFF: which TAP device it was given, not TUNSETIFF
    ];

    // SO_REUSEADDR, SO_SNDBUF, SO_RCVBUF, SO_KEEPALIVE, SO_LINGER, SO_PASSCRED, SO_RCVTIMEO, SO_SNDTIMEO, of level SOL_SOCKET. Not SO_ATTACH_BPF and the like.
    private static readonly uint[] _socketOptions = [2, 7, 8, 9, 13, 16, 20, 21];

    // PACKET_ADD_MEMBERSHIP, PACKET_DROP_MEMBERSHIP, of level SOL_PACKET: which frames of the interface it was given it receives.
    private const uint PacketLevel = 263;
    private static readonly uint[] _packetOptions = [1, 2];

    // F_DUPFD, F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_GETLK, F_SETLK, F_SETLKW, F_OFD_GETLK to F_OFD_SETLKW, F_DUPFD_CLOEXEC,
    // F_SETPIPE_SZ, F_GETPIPE_SZ, F_ADD_SEALS, F_GET_SEALS. Not F_SETOWN and F_SETSIG: they send signals.
    private static readonly uint[] _fileControls = [0, 1, 2, 3, 4, 5, 6, 7, 36, 37, 38, 1030, 1031, 1032, 1033, 1034];

    // PR_GET_DUMPABLE, PR_SET_NAME, PR_GET_NAME, PR_GET_SECCOMP, PR_CAPBSET_READ, PR_GET_SECUREBITS, PR_SET_TIMERSLACK, PR_GET_TIMERSLACK,
    // PR_SET_NO_NEW_PRIVS, PR_GET_NO_NEW_PRIVS, PR_SET_VMA. Not PR_SET_PDEATHSIG: it dies with its parent.
    private static readonly uint[] _processControls = [3, 15, 16, 21, 23, 27, 29, 30, 38, 39, 0x5356_4D41];

    /// <summary>The rules.</summary>
    /// <param name="gate">Address of the program's path before <c>execve</c>, which nothing can be mapped at afterwards: one program is started, once.</param>
    /// <param name="allowIoUring">Whether io_uring is admitted.</param>
    public static IEnumerable<SyscallRule> Rules(uint gate, bool allowIoUring)
    {
        IEnumerable<Syscall> admitted = allowIoUring ? _admitted.Concat([IoUringSetup, IoUringEnter, IoUringRegister]) : _admitted;
        return admitted.Select(n => new SyscallRule(n, [[]], 0))
            .Concat(_unknown.Select(n => new SyscallRule(n, [], Enosys)))
            .Concat(
            [
                When(Execve, Eperm, Pointer(0, gate)),
                When(Mmap, Eperm, [.. NullOrAtLeast(0, gate + SpawnPlan.GateLength).Select(ArgumentTest[] (t) => [.. t, Bits(3, MapGrowsDown, 0)])]),
                When(Mremap, Eperm, [[Bits(3, RemapFixed | RemapDontUnmap, 0)], .. NullOrAtLeast(4, gate + SpawnPlan.GateLength)]),
                When(Open, Eacces, [Bits(1, WritingOpenFlags, 0)]),
                When(Openat, Eacces, [Bits(2, WritingOpenFlags, 0)]),
                When(Clone, Eperm, [Bits(0, ThreadFlags | NotThreadFlags, ThreadFlags)]),
                When(Kill, Eperm, [Self(0)]),
                When(Tgkill, Eperm, [Self(0)]),
                When(SchedSetscheduler, Eperm, [Int(1, 0)]), // SCHED_OTHER: .NET's threads say so when they start
                When(Prlimit64, Eperm, [Int(0, 0), .. Pointer(2, 0)], [Self(0), .. Pointer(2, 0)]),
                When(Ioctl, Eperm, [.. _controls.Select(ArgumentTest[] (c) => [Int(1, c)])]),
                When(Fcntl, Eperm, [.. _fileControls.Select(ArgumentTest[] (c) => [Int(1, c)])]),
                When(Setsockopt, Eperm, [.. _socketOptions.Select(ArgumentTest[] (o) => [Int(1, 1), Int(2, o)]), .. _packetOptions.Select(ArgumentTest[] (o) => [Int(1, PacketLevel), Int(2, o)])]),
                When(Socketpair, Eperm, [Int(0, 1), Int(1, 0x8_0001), Int(2, 0)]), // AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC: a channel, whose ends are nowhere else
                When(Prctl, Einval, [[Int(0, 4), Int(1, 0)], .. _processControls.Select(ArgumentTest[] (c) => [Int(0, c)])]), // 4: PR_SET_DUMPABLE
                When(ArchPrctl, Einval, [Int(0, 0x1002)], [Int(0, 0x1003)]), // ARCH_SET_FS, ARCH_GET_FS
                When(Seccomp, Eperm, [Int(0, 1), Bits(1, ~1u, 0)]), // SECCOMP_SET_MODE_FILTER, at most with SECCOMP_FILTER_FLAG_TSYNC: only less
            ]);
    }

    private static SyscallRule When(Syscall number, int error, params ArgumentTest[][] alternatives) => new(number, alternatives, error);
}
