using Makatea.Benchmarks.Block;

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
            default:
                Console.Error.WriteLine("block-file [FOLDER...]: CPU time per request of each engine of FileBlockDevice, on a file in each folder (/dev/shm and the current one)");
                return 64;
        }
    }
}
