using Makatea.Platform.Linux.Sandboxing;

namespace Makatea.Platform.Linux.Tests;

/// <summary>The filter, run by an interpreter of our own: what it answers to any call, without making the call.</summary>
public sealed class SeccompPolicyTests
{
    private const uint Gate = 0x1_0000;
    private const uint X64 = 0xC000_003E;
    private const uint Refused = SeccompProgram.Errno | 1;
    private const uint Denied = SeccompProgram.Errno | 13;
    private const uint Unknown = SeccompProgram.Errno | 38;
    private static readonly SeccompProgram _program = SeccompProgram.Assemble(SeccompPolicy.Rules(Gate, allowIoUring: false), SeccompPolicy.Otherwise);

    public static TheoryData<int, ulong[], uint> Calls => new()
    {
        { 0, [], SeccompProgram.Allow }, // read
        { 435, [], Unknown }, // clone3
        { 425, [], Refused }, // io_uring_setup
        { 101, [], Refused }, // ptrace
        { 9999, [], Refused },
        { 59, [Gate], SeccompProgram.Allow }, // execve
        { 59, [Gate + 1], Refused },
        { 59, [Gate | (1UL << 32)], Refused },
        { 59, [0], Refused },
        { 322, [Gate], Refused }, // execveat
        { 9, [0, 4096, 3, 0x22], SeccompProgram.Allow }, // mmap
        { 9, [Gate + 0x1000, 4096, 3, 0x32], SeccompProgram.Allow },
        { 9, [0x7000_0000_0000, 4096, 3, 0x32], SeccompProgram.Allow },
        { 9, [0x7000_0000_0001, 4096, 3, 0x32], SeccompProgram.Allow },
        { 9, [Gate, 4096, 3, 0x32], Refused },
        { 9, [Gate + 0xFFF, 4096, 3, 0x22], Refused },
        { 9, [1, 4096, 3, 0x32], Refused },
        { 9, [0, 4096, 3, 0x122], Refused }, // MAP_GROWSDOWN
        { 9, [0x7000_0000_0000, 4096, 3, 0x122], Refused },
        { 25, [0x7000, 1, 2, 1, 0], SeccompProgram.Allow }, // mremap
        { 25, [0x7000, 1, 2, 1, Gate], SeccompProgram.Allow }, // not MREMAP_FIXED: the address is not used
        { 25, [0x7000, 1, 2, 3, Gate], Refused },
        { 25, [0x7000, 1, 2, 5, Gate], Refused }, // MREMAP_DONTUNMAP takes it as a hint
        { 25, [0x7000, 1, 2, 5, 0], SeccompProgram.Allow },
        { 25, [0x7000, 1, 2, 3, 0x7000_0000_0000], SeccompProgram.Allow },
        { 257, [0, 0, 0x80000], SeccompProgram.Allow }, // openat(O_RDONLY | O_CLOEXEC)
        { 257, [0, 0, 1], Denied },
        { 257, [0, 0, 2], Denied },
        { 257, [0, 0, 0x40], Denied },
        { 257, [0, 0, 0x200], Denied },
        { 257, [0, 0, 0x41_0000], Denied }, // O_TMPFILE
        { 257, [0, 0, 1UL << 32], SeccompProgram.Allow }, // an int: the kernel does not see the high half
        { 2, [0, 1], Denied }, // open
        { 56, [0x3D_0F00], SeccompProgram.Allow }, // clone, as pthread_create of glibc
        { 56, [0x7D_0F00], SeccompProgram.Allow }, // of musl
        { 56, [17], Refused }, // fork
        { 56, [0x4111], Refused }, // vfork
        { 56, [0x3D_0F00 | 0x1000_0000], Refused },
        { 56, [0x3D_0F00 | 0x2_0000], Refused },
        { 62, [1, 15], SeccompProgram.Allow }, // kill of itself: process 1, or what was patched in
        { 62, [2, 15], Refused },
        { 62, [0, 15], Refused },
        { 62, [ulong.MaxValue, 15], Refused },
        { 234, [1, 2, 6], SeccompProgram.Allow }, // tgkill
        { 234, [5, 5, 6], Refused },
        { 302, [0, 7, 0, 8], SeccompProgram.Allow }, // prlimit64, to read
        { 302, [0, 7, 8, 0], Refused },
        { 302, [1, 7, 0, 8], SeccompProgram.Allow },
        { 302, [2, 7, 0, 8], Refused },
        { 302, [0, 7, 1UL << 32, 0], Refused },
        { 144, [1, 0], SeccompProgram.Allow }, // sched_setscheduler(SCHED_OTHER)
        { 144, [1, 1], Refused }, // SCHED_FIFO
        { 16, [0, 0x541B], SeccompProgram.Allow }, // ioctl(FIONREAD)
        { 16, [0, 0x5412], Refused }, // TIOCSTI
        { 16, [0, 0x541C], Refused }, // TIOCLINUX
        { 16, [0, 0x5412 | (1UL << 32)], Refused },
        { 16, [0, 0x8008_1272], SeccompProgram.Allow }, // BLKGETSIZE64
        { 16, [0, 0x3B72], SeccompProgram.Allow }, // VFIO_IOMMU_UNMAP_DMA
        { 16, [0, 0x3B66], Refused }, // VFIO_SET_IOMMU
        { 16, [0, 0x3B76], Refused }, // VFIO_DEVICE_BIND_IOMMUFD
        { 16, [0, 0x3B77], Refused }, // VFIO_DEVICE_ATTACH_IOMMUFD_PT
        { 16, [0, 0x3B80], Refused }, // IOMMU_DESTROY
        { 16, [0, 0x3B81], Refused }, // IOMMU_IOAS_ALLOC
        { 16, [0, 0x3B84], SeccompProgram.Allow }, // IOMMU_IOAS_IOVA_RANGES
        { 16, [0, 0x3B86], SeccompProgram.Allow }, // IOMMU_IOAS_UNMAP
        { 16, [0, 0x3B87], Refused }, // IOMMU_OPTION
        { 72, [0, 1030], SeccompProgram.Allow }, // fcntl(F_DUPFD_CLOEXEC)
        { 72, [0, 8], Refused }, // F_SETOWN
        { 72, [0, 10], Refused }, // F_SETSIG
        { 157, [15], SeccompProgram.Allow }, // prctl(PR_SET_NAME)
        { 157, [4, 0], SeccompProgram.Allow }, // PR_SET_DUMPABLE
        { 157, [4, 1], SeccompProgram.Errno | 22 },
        { 157, [1, 0], SeccompProgram.Errno | 22 }, // PR_SET_PDEATHSIG
        { 317, [1, 1], SeccompProgram.Allow }, // seccomp(SECCOMP_SET_MODE_FILTER, TSYNC)
        { 317, [1, 8], Refused }, // SECCOMP_FILTER_FLAG_NEW_LISTENER
        { 317, [0, 0], Refused },
        { 41, [1, 1], Refused }, // socket
        { 53, [1, 0x8_0001, 0], SeccompProgram.Allow }, // socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC)
        { 53, [1, 0x8_0002, 0], Refused }, // SOCK_DGRAM
        { 53, [2, 0x8_0001, 0], Refused }, // AF_INET
        { 53, [1, 0x8_0001, 1], Refused },
        { 54, [3, 1, 8], SeccompProgram.Allow }, // setsockopt(SOL_SOCKET, SO_RCVBUF)
        { 54, [3, 1, 50], Refused }, // SO_ATTACH_BPF
        { 54, [3, 6, 8], Refused }, // of TCP
    };

    [Theory]
    [MemberData(nameof(Calls))]
    public void Answers(int number, ulong[] arguments, uint action) => Assert.Equal(action, Run(_program, X64, (uint)number, arguments));

    [Fact]
    public void OtherInstructionSetsEndTheProcess()
    {
        Assert.Equal(SeccompProgram.KillProcess, Run(_program, 0x4000_0003, 3)); // i386: int 0x80
        Assert.Equal(SeccompProgram.KillProcess, Run(_program, X64, 0x4000_0000)); // x32
        Assert.Equal(SeccompProgram.KillProcess, Run(_program, X64, uint.MaxValue));
    }

    [Fact]
    public void EveryRuleIsFoundInTheTree()
    {
        SyscallRule[] rules = [.. SeccompPolicy.Rules(Gate, allowIoUring: true)];
        SeccompProgram program = SeccompProgram.Assemble(rules, SeccompPolicy.Otherwise);
        for (uint number = 0; number < 1024; number++)
        {
            SyscallRule? rule = rules.FirstOrDefault(r => (uint)r.Number == number);
            uint answer = Run(program, X64, number, Enumerable.Repeat(0xFFFF_FFFF_0000_0000UL, 6).ToArray());
            if (rule is null)
            {
                Assert.Equal(Refused, answer);
            }
            else if (rule.IsAlwaysAdmitted)
            {
                Assert.Equal(SeccompProgram.Allow, answer);
            }
            else
            {
                Assert.True(answer == SeccompProgram.Allow || answer == (SeccompProgram.Errno | (uint)rule.Error), $"{rule.Number}: {answer:x}");
            }
        }

        Assert.InRange(program.Code.Length, 1, 4096); // BPF_MAXINSNS
    }

    [Fact]
    public void TheProcessIdIsPatchedWhereItIsCompared()
    {
        Assert.NotEmpty(_program.OwnProcessOperands);
        Assert.All(_program.OwnProcessOperands, i => Assert.Equal((SeccompProgram.JumpIfEqual, 1u), (_program.Code[i].Code, _program.Code[i].Operand)));
    }

    /// <summary>Classic BPF, as much of it as filters use.</summary>
    private static uint Run(SeccompProgram program, uint architecture, uint number, params ulong[] arguments)
    {
        uint[] data = new uint[16];
        (data[0], data[1]) = (number, architecture);
        for (int i = 0; i < arguments.Length; i++)
        {
            (data[4 + (2 * i)], data[5 + (2 * i)]) = ((uint)arguments[i], (uint)(arguments[i] >> 32));
        }

        uint accumulator = 0;
        for (int pc = 0; ; pc++)
        {
            BpfInstruction instruction = program.Code[pc];
            switch (instruction.Code)
            {
                case SeccompProgram.LoadWord:
                    accumulator = data[instruction.Operand / 4];
                    break;
                case SeccompProgram.And:
                    accumulator &= instruction.Operand;
                    break;
                case SeccompProgram.Jump:
                    pc += (int)instruction.Operand;
                    break;
                case SeccompProgram.JumpIfEqual:
                    pc += accumulator == instruction.Operand ? instruction.IfTrue : instruction.IfFalse;
                    break;
                case SeccompProgram.JumpIfAtLeast:
                    pc += accumulator >= instruction.Operand ? instruction.IfTrue : instruction.IfFalse;
                    break;
                case SeccompProgram.Return:
                    return instruction.Operand;
                default:
                    throw new InvalidOperationException($"instruction {pc} is 0x{instruction.Code:x}");
            }
        }
    }
}
