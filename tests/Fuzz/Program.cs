using System.Globalization;
using Makatea.Fuzz.Functions;
using Makatea.Fuzz.Messages;
using Makatea.Fuzz.Net;
using Makatea.Fuzz.Requests;
using Makatea.Fuzz.Rings;
using Makatea.Fuzz.Vmm;
using Makatea.Virtio;
using Makatea.Virtio.Testing;

namespace Makatea.Fuzz;

/// <summary>Runs the fuzzers: <c>dotnet run -c Release --project tests/Fuzz -- TARGET [COUNT [SEED]]</c>, <c>replay FILE...</c>, or <c>minimise FILE</c>.</summary>
public static class Program
{
    private static readonly (string Name, Func<IFuzzTarget> Create, long Count)[] _targets =
    [
        ("ring-split", () => new RingFuzz<FuzzedSplitRing, SplitRing, SplitDriverRing>(), 10_000_000),
        ("ring-packed", () => new RingFuzz<FuzzedPackedRing, PackedRing, PackedDriverRing>(), 10_000_000),
        ("requests", () => new RequestFuzz(), 100_000),
        ("messages", () => new MessageFuzz(), 1_000_000),
        ("net", () => new NetFuzz(), 100_000),
        ("functions", () => new FunctionFuzz(), 300_000),
        ("vmm", () => new PlatformFuzz(), 10_000_000),
        ("virtio", () => new VirtioFuzz(), 10_000_000),
        ("kernels", () => new KernelFuzz(), 200_000),
        ("snapshots", () => new SnapshotFuzz(), 20_000),
    ];

    /// <summary>Names of all targets.</summary>
    public static IEnumerable<string> Targets => _targets.Select(t => t.Name);

    /// <summary>Makes a target by its name.</summary>
    /// <exception cref="ArgumentException">There is none of that name.</exception>
    public static IFuzzTarget Create(string name)
    {
        foreach ((string candidate, Func<IFuzzTarget> create, _) in _targets)
        {
            if (candidate == name)
            {
                return create();
            }
        }

        throw new ArgumentException($"no target is called '{name}'; there are: {string.Join(", ", Targets)}");
    }

    /// <summary>Runs the session of a file whose name starts with its target's.</summary>
    public static void Replay(string file)
    {
        string name = Targets.FirstOrDefault(t => Path.GetFileName(file).StartsWith(t, StringComparison.Ordinal))
            ?? throw new ArgumentException($"{file}: the name has to start with that of a target: {string.Join(", ", Targets)}");
        using FuzzRunner runner = new(Create(name), 0);
        runner.Replay(File.ReadAllBytes(file));
    }

    private static int Main(string[] args)
    {
        try
        {
            switch (args)
            {
                case ["replay", .. string[] files] when files.Length != 0:
                    foreach (string file in files)
                    {
                        Replay(file);
                        Console.WriteLine($"{file}: all right");
                    }

                    return 0;
                case ["minimise", string file]:
                    Console.WriteLine(new Minimiser(file, Console.WriteLine).Run());
                    return 0;
                case ["all"]:
                    foreach ((string name, _, long count) in _targets)
                    {
                        Run(name, count, (ulong)Random.Shared.NextInt64());
                    }

                    return 0;
                case [string name, .. string[] numbers] when Targets.Contains(name):
                    long operations = numbers.Length > 0 ? long.Parse(numbers[0], CultureInfo.InvariantCulture) : _targets.First(t => t.Name == name).Count;
                    ulong seed = numbers.Length > 1 ? ulong.Parse(numbers[1], CultureInfo.InvariantCulture) : (ulong)Random.Shared.NextInt64();
                    Run(name, operations, seed);
                    return 0;
                default:
                    Console.Error.WriteLine($"all | TARGET [COUNT [SEED]] | replay FILE... | minimise FILE    targets: {string.Join(", ", Targets)}");
                    return 64;
            }
        }
        catch (FuzzException e)
        {
            Console.Error.WriteLine(e);
            return 1;
        }
    }

    private static void Run(string name, long operations, ulong seed)
    {
        IFuzzTarget target = Create(name);
        using FuzzRunner runner = new(target, seed);
        Console.WriteLine($"{name}: seed {seed}; should the process crash, what did it is in {runner.InputFile}");
        long start = TimeProvider.System.GetTimestamp();
        runner.Run(operations, Console.WriteLine);
        Console.WriteLine(
            $"{name}: {runner.Operations} {target.Unit} in {runner.Sessions} sessions and {TimeProvider.System.GetElapsedTime(start).TotalSeconds:0.0} s; {target.Coverage}");
    }
}
