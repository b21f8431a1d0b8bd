using System.Diagnostics;

namespace Makatea.Fuzz;

/// <summary>
/// Makes an input that fails shorter: takes away ever smaller pieces, then makes bytes zero, as long as its replay fails. Each replay is a process of its
/// own, as it may crash or hang.
/// </summary>
/// <param name="file">The input; its name starts with that of its target.</param>
/// <param name="progress">Told of each shorter input.</param>
internal sealed class Minimiser(string file, Action<string> progress)
{
    // A session takes milliseconds; one that is still there is taken for one that hangs.
    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(20);
    private readonly string _tried = Path.Combine(Path.GetTempPath(), $"{Path.GetFileNameWithoutExtension(file)}-{Environment.ProcessId}.bin");

    /// <summary>Writes the shorter input next to the first.</summary>
    /// <returns>Its name.</returns>
    /// <exception cref="FuzzException">The input does not fail.</exception>
    public string Run()
    {
        byte[] bytes = File.ReadAllBytes(file);
        FuzzException.ThrowUnless(Fails(bytes), $"{file} does not fail");
        for (int piece = Math.Max(1, bytes.Length / 2); piece != 0; piece /= 2)
        {
            for (int at = 0; at < bytes.Length;)
            {
                byte[] shorter = [.. bytes.AsSpan(0, at), .. bytes.AsSpan(Math.Min(at + piece, bytes.Length))];
                if (shorter.Length != 0 && Fails(shorter))
                {
                    bytes = shorter;
                    progress($"{bytes.Length} bytes");
                }
                else
                {
                    at += piece;
                }
            }
        }

        for (int at = 0; at < bytes.Length; at++)
        {
            byte kept = bytes[at];
            bytes[at] = 0;
            if (kept != 0 && !Fails(bytes))
            {
                bytes[at] = kept;
            }
        }

        File.Delete(_tried);
        string minimal = Path.ChangeExtension(file, ".min.bin");
        File.WriteAllBytes(minimal, bytes);
        return minimal;
    }

    private bool Fails(byte[] bytes)
    {
        File.WriteAllBytes(_tried, bytes);
        using Process replay = Process.Start(new ProcessStartInfo(Environment.ProcessPath!, ["replay", _tried])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        replay.OutputDataReceived += (_, _) => { };
        replay.ErrorDataReceived += (_, _) => { };
        replay.BeginOutputReadLine();
        replay.BeginErrorReadLine();
        if (!replay.WaitForExit(_patience))
        {
            replay.Kill();
            return true;
        }

        return replay.ExitCode != 0;
    }
}
