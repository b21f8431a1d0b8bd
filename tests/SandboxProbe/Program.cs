namespace Makatea.SandboxProbe;

/// <summary>
/// A component that misbehaves: what the sandbox tests run, inside and outside of a sandbox. Prints one line per attempt,
/// <c>name TAB result</c>, where the result is <c>ok</c> or an error number.
/// </summary>
internal static class Program
{
    private static int Main(string[] args)
    {
        switch (args)
        {
            case ["attempts", .. string[] targets]:
                Print(Attempts.All(new Targets(targets)));
                return 0;
            case ["ring", .. string[] targets]:
                Print(Ring.All(new Targets(targets)));
                return 0;
            case ["disk", string slot, string engine]:
                Print(Disk.All(int.Parse(slot), Enum.Parse<Platform.Linux.FileEngine>(engine)));
                return 0;
            case ["calls", string numbers]:
                Print(Attempts.Calls(numbers.Split(',').Select(int.Parse)));
                return 0;
            case ["works", string memory, string pipe, string doorbell]:
                Print(Works.All(int.Parse(memory), int.Parse(pipe), int.Parse(doorbell)));
                return 0;
            case ["seal", string rights]:
                Print(Sealed.All(Enum.Parse<Platform.Linux.SandboxSealRights>(rights)));
                return 0;
            case ["descriptors"]:
                Print(Limits.Descriptors());
                return 0;
            case ["threads"]:
                Print(Limits.Threads());
                return 0;
            case ["launch", .. string[] inner]:
                return Launch.Run(inner, null);
            case ["launch-crowded"]:
                Print(Launch.Crowded());
                return 0;
            case ["launch-many", string count]:
                Print(Launch.Many(int.Parse(count)));
                return 0;
            case ["launch-required", string layers, .. string[] inner]:
                return Launch.Run(inner, Enum.Parse<Platform.Linux.SandboxLayers>(layers));
            case ["wait"]:
                Console.WriteLine("waiting");
                Thread.Sleep(Timeout.Infinite);
                return 0;
            case ["exit", string code]:
                return int.Parse(code);
            case ["terminate"]:
                return Works.WaitForTerminate();
            case ["crash"]:
                Environment.FailFast("as asked");
                return 0;
            case ["environment"]:
                foreach (System.Collections.DictionaryEntry variable in Environment.GetEnvironmentVariables())
                {
                    Console.WriteLine($"{variable.Key}={variable.Value}");
                }

                return 0;
            default:
                Console.Error.WriteLine("started by the sandbox tests; see Program.cs for what it does");
                return 64;
        }
    }

    internal static void Print(IEnumerable<(string Name, string Result)> results)
    {
        foreach ((string name, string result) in results)
        {
            Console.WriteLine($"{name}\t{result}");
        }
    }
}
