using System.Diagnostics;
using System.Runtime.ExceptionServices;

namespace Makatea.Fuzz;

/// <summary>
/// Runs sessions with inputs made from a seed. Whatever goes wrong leaves the session's input in a file: a broken rule, a hang, a crash of the process
/// (the file is written before the session runs), or memory that keeps growing.
/// </summary>
/// <param name="target">What to fuzz; the runner disposes it.</param>
/// <param name="seed">Makes the inputs.</param>
public sealed class FuzzRunner(IFuzzTarget target, ulong seed) : IDisposable
{
    private readonly FuzzInput _input = new();
    private long _sessionStarted;
    private bool _hung;

    /// <summary>Where the input of the session is that runs, or that ended the run.</summary>
    public string InputFile { get; } = Path.Combine(Path.GetTempPath(), $"{target.Name}-{Environment.ProcessId}-{Guid.NewGuid():n}.bin");

    /// <summary>How long a session may take. Those of all targets take milliseconds.</summary>
    public TimeSpan Patience { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>Sessions run so far.</summary>
    public long Sessions { get; private set; }

    /// <summary>Operations done so far.</summary>
    public long Operations { get; private set; }

    /// <summary>Runs until <paramref name="operations"/> operations were done.</summary>
    /// <param name="operations">How many.</param>
    /// <param name="progress">Told now and then; or null.</param>
    /// <exception cref="FuzzException">A rule was broken or a session hangs; the message says how to repeat it.</exception>
    public void Run(long operations, Action<string>? progress = null)
    {
        using (FileStream current = new(InputFile, FileMode.Create, FileAccess.Write, FileShare.Read, bufferSize: 0))
        {
            Watched(() => RunSessions(operations, current, progress));
        }

        File.Delete(InputFile);
    }

    /// <summary>Runs one session again.</summary>
    /// <exception cref="FuzzException">A rule was broken, or it hangs.</exception>
    public void Replay(byte[] bytes)
    {
        File.WriteAllBytes(InputFile, bytes);
        Watched(() => RunOne(bytes));
        File.Delete(InputFile);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        // A session that hangs still uses it.
        if (!_hung)
        {
            target.Dispose();
        }
    }

    private void RunSessions(long operations, FileStream current, Action<string>? progress)
    {
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
                progress($"{target.Name}: {Operations} of {operations} {target.Unit} in {Sessions} sessions; {target.Coverage}");
            }
        }

        before?.CompareWith(Footprint.Now());
    }

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
            throw new FuzzException($"{target.Name}, seed {seed}, session {Sessions} after {Operations} {target.Unit}: {e.Message}\n{HowToRepeat}", e);
        }
        finally
        {
            Volatile.Write(ref _sessionStarted, 0);
        }

        Sessions++;
    }

    /// <summary>Runs sessions on a thread of their own, which is left behind where one hangs: whoever runs us goes on.</summary>
    private void Watched(Action sessions)
    {
        ExceptionDispatchInfo? fault = null;
        Thread thread = new(() =>
        {
            try
            {
                sessions();
            }
            catch (Exception e)
            {
                fault = ExceptionDispatchInfo.Capture(e);
            }
        })
        {
            IsBackground = true,
            Name = "fuzz",
        };
        thread.Start();
        while (!thread.Join(Patience / 8))
        {
            long started = Volatile.Read(ref _sessionStarted);
            if (started != 0 && Stopwatch.GetElapsedTime(started) > Patience)
            {
                _hung = true;
                throw new FuzzException($"{target.Name}, seed {seed}, session {Sessions} has hung for {Patience.TotalSeconds:0} s\n{HowToRepeat}");
            }
        }

        fault?.Throw();
    }

    private string HowToRepeat => $"repeat it with: dotnet run -c Release --project tests/Fuzz -- replay {InputFile}";

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
}
