using System.Diagnostics;
using Makatea.Cli;

namespace Makatea.Commands;

/// <summary>The terminal on standard input, with every key handed on as it is pressed; as it was before when disposed.</summary>
internal sealed class RawTerminal : IDisposable
{
    private readonly string _before;

    private RawTerminal(string before) => _before = before;

    /// <summary>Takes the terminal.</summary>
    /// <returns>Null where standard input is none.</returns>
    public static RawTerminal? Take()
    {
        if (Console.IsInputRedirected)
        {
            return null;
        }

        var terminal = new RawTerminal(Stty("-g").Trim());
        Stty("raw", "-echo");
        return terminal;
    }

    /// <inheritdoc/>
    public void Dispose() => Stty(_before);

    private static string Stty(params string[] arguments)
    {
        using Process process = Process.Start(new ProcessStartInfo("stty", arguments) { RedirectStandardOutput = true })
            ?? throw new CommandException("stty, which sets the terminal up, did not start");
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return output;
    }
}
