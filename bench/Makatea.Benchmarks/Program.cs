using Makatea.Benchmarks.Block;
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
                return RingSuite.Run();
            case ["rings", "--gate"]:
                return AllocationGate.Run();
            default:
                Console.Error.WriteLine("rings [--gate]: split and packed rings, both sides on one thread, by batch; fails where a byte is allocated (--gate: that alone)");
                Console.Error.WriteLine("block-file [FOLDER...]: CPU time per request of each engine of FileBlockDevice, on a file in each folder (/dev/shm and the current one)");
                return 64;
        }
    }
}
