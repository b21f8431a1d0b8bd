using System.Diagnostics;

namespace Makatea.Fuzz;

/// <summary>
/// Runs sessions with inputs made from a seed. Whatever goes wrong leaves the session's input in a file: a broken rule, a hang (a watchdog ends
/// the process), a crash (the file is written before the session runs), or memory that keeps growing.
/// </summary>
public sealed class FuzzRunner(IFuzzTarget target, ulong seed)
{
    private static readonly TimeSpan _hang = TimeSpan.FromSeconds(60);
    private readonly FuzzInput _input = new();
    private readonly string _current = Path.Combine(Path.GetTempPath(), $"makatea-fuzz-{target.Name}-{Environment.ProcessId}.bin");
    private long _sessionStarted;

    /// <summary>Sessions run so far.</summary>
    public long Sessions { get; private set; }

    /// <summary>Operations done so far.</summary>
    public long Operations { get; private set; }

    /// <summary>Runs until <paramref name="operations"/> operations were done.</summary>
    /// <param name="operations">How many.</param>
    /// <param name="progress">Told now and then; or null.</param>
    /// <exception cref="FuzzException">A rule was broken; the message says how to repeat it.</exception>
    public void Run(long operations, Action<string>? progress = null)
    {
        using FileStream current = new(_current, FileMode.Create, FileAccess.Write, FileShare.Read, bufferSize: 0);
        using Timer watchdog = new(_ => Watch(), null, _hang, _hang / 4);
        long warm = Math.Max(1, operations / 4);
        Footprint? before = null;
        Stopwatch sinceProgress = Stopwatch.StartNew();
        while (Operations < operations)
        {
            byte[] bytes = NextInput();
            current.Position = 0;
            current.Write(bytes);
            current.SetLength(bytes.Length);
            RunOne(bytes);
            if (before is null && Operations >= warm)
            {
                before = Footprint.Now();
            }

            if (progress is not null && sinceProgress.Elapsed > TimeSpan.FromSeconds(5))
            {
                sinceProgress.Restart();
                progress($"{target.Name}: {Operations} {target.Unit} in {Sessions} sessions; {target.Coverage}");
            }
        }

        Volatile.Write(ref _sessionStarted, 0);
        before?.CompareWith(Footprint.Now());
        current.Close();
        File.Delete(_current);
    }

    /// <summary>Runs one session again.</summary>
    /// <exception cref="FuzzException">A rule was broken.</exception>
    public void Replay(byte[] bytes) => RunOne(bytes);

    private void RunOne(byte[] bytes)
    {
        _input.Reset(bytes);
        Volatile.Write(ref _sessionStarted, Stopwatch.GetTimestamp());
        try
        {
            Operations += target.Run(_input);
        }
        catch (Exception e)
        {
            string kept = Path.Combine(Path.GetTempPath(), $"{target.Name}-{Guid.NewGuid():n}.bin");
            File.WriteAllBytes(kept, bytes);
            throw new FuzzException(
                $"{target.Name}, seed {seed}, session {Sessions}: {e.Message}\nrepeat it with: dotnet run -c Release --project tests/Fuzz -- replay {kept}", e);
        }

        Sessions++;
    }

    private byte[] NextInput()
    {
        // Sessions of all lengths, each with random numbers of its own: splitmix64 of seed and number.
        ulong mixed = seed + ((ulong)Sessions * 0x9e37_79b9_7f4a_7c15);
        mixed = (mixed ^ (mixed >> 30)) * 0xbf58_476d_1ce4_e5b9;
        mixed = (mixed ^ (mixed >> 27)) * 0x94d0_49bb_1331_11eb;
        Random random = new((int)(mixed ^ (mixed >> 31)));
        byte[] bytes = new byte[random.Next(16, target.MaxInput)];
        random.NextBytes(bytes);
        return bytes;
    }

    private void Watch()
    {
        long started = Volatile.Read(ref _sessionStarted);
        if (started != 0 && Stopwatch.GetElapsedTime(started) > _hang)
        {
            Environment.FailFast($"{target.Name}, seed {seed}, session {Sessions} has hung for {_hang}; its input is in {_current}");
        }
    }
}
