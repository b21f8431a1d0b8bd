namespace Makatea.Platform.Linux.Tests;

/// <summary>What child processes of the tests do; started with the name of a scenario.</summary>
internal static class Program
{
    private static int Main(string[] args)
    {
        switch (args)
        {
            case ["fault-outside", "guarded"]:
                _ = new LinuxHost();
                return FaultScenarios.TouchTruncatedFile();
            case ["fault-outside", "plain"]:
                return FaultScenarios.TouchTruncatedFile();
            case ["sent-signal"]:
                _ = new LinuxHost();
                return FaultScenarios.SendBusError();
            case ["no-previous-handler"]:
                return FaultScenarios.FaultWithoutPreviousHandler();
            case ["overrun"]:
                return FaultScenarios.OverrunMapping();
            case ["disk-write-and-flush", string path, string engine]:
                return DiskScenarios.WriteAndFlush(path, engine);
            case ["disk-without-io-uring", string path]:
                return DiskScenarios.WithoutIoUring(path);
            default:
                Console.Error.WriteLine("this is a test assembly; run it with dotnet test");
                return 64;
        }
    }
}
