using BenchmarkDotNet.Attributes;
using Makatea.Platform;
using Makatea.Platform.Linux;

namespace Makatea.Benchmarks.Kvm;

/// <summary>What an exit of a virtual processor costs from the guest's instruction to the next: through KVM and back, with nothing done about it.</summary>
[MemoryDiagnoser]
public class ExitBenchmark
{
    /// <summary>Exits of one measured call.</summary>
    public const int Exits = 1000;

    private const ulong MemoryLength = 0x8000;
    private const ushort CodeAddress = 0x1000;

    private readonly LinuxHost _host = new();
    private KvmHost? _kvm;
    private Grant? _grant;
    private MappedMemory? _memory;
    private VirtualMachine? _machine;
    private VirtualCpu? _cpu;

    /// <summary>Which instructions the guest repeats.</summary>
    [Params(Access.Out, Access.In, Access.Store, Access.Load)]
    public Access Of { get; set; }

    /// <summary>What a guest does to make an exit.</summary>
    public enum Access
    {
        /// <summary><c>out 0x80, al</c>.</summary>
        Out,

        /// <summary><c>in al, 0x60</c>.</summary>
        In,

        /// <summary><c>mov [0x9000], al</c>, where there is no memory.</summary>
        Store,

        /// <summary><c>mov al, [0x9000]</c>.</summary>
        Load,
    }

    /// <summary>Makes a guest in real mode.</summary>
    [GlobalSetup]
    public void Setup()
    {
        _kvm = KvmHost.Open();
        _grant = _host.CreateMemory("benchmark", MemoryLength);
        _memory = _grant.Map(0, MemoryLength, MemoryAccess.ReadWrite);
        byte[] code = Of switch
        {
            Access.Out => [0xe6, 0x80, 0xeb, 0xfc],
            Access.In => [0xe4, 0x60, 0xeb, 0xfc],
            Access.Store => [0xa2, 0x00, 0x90, 0xeb, 0xfb],
            _ => [0xa0, 0x00, 0x90, 0xeb, 0xfb],
        };
        code.CopyTo(_memory.Slice(CodeAddress, code.Length).AsSpan());
        _machine = _kvm.CreateMachine();
        _machine.Map(new GuestMemoryRegion(0, 0, MemoryLength, _memory, 0));
        _cpu = _machine.CreateCpu(0);
        _cpu.SetCpuid([.. _machine.Info.Cpuid]);
        _cpu.GetSystemRegisters(out CpuSystemRegisters system);
        system.Cs = CpuSegment.Real(0, isCode: true);
        _cpu.SetSystemRegisters(system);
        _cpu.SetRegisters(CpuRegisters.AfterReset() with { Rip = CodeAddress });
    }

    /// <summary>Ends it.</summary>
    [GlobalCleanup]
    public void Cleanup()
    {
        _cpu?.Dispose();
        _machine?.Dispose();
        _memory?.Dispose();
        _grant?.Dispose();
        _kvm?.Dispose();
    }

    /// <summary>Runs the guest through its exits.</summary>
    [Benchmark(OperationsPerInvoke = Exits)]
    public long Run()
    {
        VirtualCpu cpu = _cpu!;
        long sum = 0;
        for (int i = 0; i < Exits; i++)
        {
            ref readonly VmExit exit = ref cpu.Run();
            if (exit.Kind is not (VmExitKind.Port or VmExitKind.Mmio))
            {
                throw new InvalidOperationException($"the guest came with {exit}");
            }

            sum += (long)exit.Address;
            if (!exit.IsWrite)
            {
                cpu.Complete(1);
            }
        }

        return sum;
    }
}
