using Makatea.Benchmarks.Block;
using Makatea.Benchmarks.E1000;
using Makatea.Benchmarks.Kvm;
using Makatea.Benchmarks.Net;
using Makatea.Benchmarks.Nvme;
using Makatea.Benchmarks.Rings;

namespace Makatea.Benchmarks;

/// <summary>Runs the benchmark that is named first: <c>dotnet run -c Release --project bench/Makatea.Benchmarks -- NAME</c>.</summary>
internal static class Program
{
    private static int Main(string[] args)
    {
        switch (args)
        {
            case ["block-file", .. string[] folders]:
                FileEngineBenchmark.Run(folders);
                return 0;
            case ["rings"]:
                return RingGate.Run() | Suite.Run(typeof(SplitRingBenchmark), typeof(PackedRingBenchmark));
            case ["rings", "--gate"]:
                return RingGate.Run();
            case ["nvme"]:
                return NvmeGate.Run() | Suite.Run(typeof(NvmeBenchmark));
            case ["nvme", "--gate"]:
                return NvmeGate.Run();
            case ["e1000"]:
                return E1000Gate.Run() | Suite.Run(typeof(TransmitBenchmark), typeof(ReceiveBenchmark));
            case ["e1000", "--gate"]:
                return E1000Gate.Run();
            case ["nat"]:
                return NatGate.Run() | Suite.Run(typeof(TrackerBenchmark), typeof(FirewallBenchmark));
            case ["nat", "--gate"]:
                return NatGate.Run();
            case ["forward"]:
                return ForwardGate.Run() | Suite.Run(typeof(ForwardBenchmark));
            case ["forward", "--gate"]:
                return ForwardGate.Run();
            case ["kvm"]:
                return KvmGate.Run() | Suite.Run(typeof(ExitBenchmark));
            case ["kvm", "--gate"]:
                return KvmGate.Run();
            default:
                Console.Error.WriteLine("rings [--gate]: split and packed rings, both sides on one thread, by batch; fails where a byte is allocated (--gate: that alone)");
                Console.Error.WriteLine("nvme [--gate]: the NVMe driver with a controller in memory, by depth and length; the same");
                Console.Error.WriteLine("e1000 [--gate]: the E1000 driver with a controller in memory, each way, by batch; the same");
                Console.Error.WriteLine("nat [--gate]: connection tracking with source NAT, of packets of connections and of new ones, and firewall rules by their number; the same");
                Console.Error.WriteLine("forward [--gate]: 64-byte frames through the forwarding thread's turn: looped back, switched, and routed with source NAT both ways; the same");
                Console.Error.WriteLine("kvm [--gate]: exits of a virtual processor on /dev/kvm, for ports and for memory where there is none; the same");
                Console.Error.WriteLine("block-file [FOLDER...]: CPU time per request of each engine of FileBlockDevice, on a file in each folder (/dev/shm and the current one)");
                return 64;
        }
    }
}
