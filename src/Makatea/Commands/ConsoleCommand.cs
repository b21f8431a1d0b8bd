using System.CommandLine;
using System.Net.Sockets;
using Makatea.Cli;
using Makatea.Platform.Linux;
using Makatea.Running;

namespace Makatea.Commands;

/// <summary><c>makatea console QUBE</c>: the user's terminal becomes a qube's serial console.</summary>
internal static class ConsoleCommand
{
    private static readonly Argument<string> _qube = new("QUBE") { Description = "Name of the qube." };
    private static readonly Option<string?> _system = RunningSystems.SystemOption();

    private static readonly TimeSpan _linger = TimeSpan.FromSeconds(2);

    public static Command Create()
    {
        var command = new Command("console", "Use a qube's serial console. Ctrl-] leaves it. Works for pipes, too.") { _qube, _system };
        command.SetAction(async (result, _) =>
        {
            QubeStatus qube = await FindAsync(result.GetRequiredValue(_qube), result.GetValue(_system)).ConfigureAwait(false);
            await AttachAsync(qube, result.InvocationConfiguration.Error).ConfigureAwait(false);
            return ExitCode.Success;
        });
        return command;
    }

    private static async Task<QubeStatus> FindAsync(string name, string? system)
    {
        (QubeStatus qube, _) = await RunningSystems.QubeAsync(name, system).ConfigureAwait(false);
        return qube.State is PartState.Running or PartState.Paused or PartState.Stopping
            ? qube
            : throw new CommandException($"qube '{name}' is {qube.State.ToString().ToLowerInvariant()}; its console's output is in {qube.ConsoleLog}, and 'makatea qube start {name}' starts it");
    }

    private static async Task AttachAsync(QubeStatus qube, TextWriter message)
    {
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(qube.Console)).ConfigureAwait(false);
        }
        catch (SocketException e)
        {
            throw new CommandException($"cannot connect to the console of '{qube.Name}': {e.Message}; see 'makatea ls'", inner: e);
        }

        using RawTerminal? terminal = RawTerminal.Take();
        if (terminal is not null)
        {
            await message.WriteAsync($"console of {qube.Name}; Ctrl-] leaves it\r\n").ConfigureAwait(false);
        }

        using var stream = new NetworkStream(socket);
        using Stream output = Console.OpenStandardOutput();
        using Stream input = Console.OpenStandardInput();
        using var leave = new CancellationTokenSource();
        Task toTerminal = ShowOutputAsync(stream, output, leave);
        Task fromTerminal = Task.Run(() => SendInput(input, stream, isTerminal: terminal is not null));
        if (await Task.WhenAny(toTerminal, fromTerminal).ConfigureAwait(false) == fromTerminal)
        {
            // What was piped in gets its answer.
            leave.CancelAfter(terminal is null ? _linger : TimeSpan.Zero);
            await toTerminal.ConfigureAwait(false);
        }

        if (terminal is not null)
        {
            await message.WriteAsync("\r\n").ConfigureAwait(false);
        }
    }

    /// <summary>Copies until the qube ends or <paramref name="leave"/>.</summary>
    private static async Task ShowOutputAsync(NetworkStream stream, Stream output, CancellationTokenSource leave)
    {
        byte[] buffer = new byte[4096];
        try
        {
            while (await stream.ReadAsync(buffer, leave.Token).ConfigureAwait(false) is > 0 and int read)
            {
                await output.WriteAsync(buffer.AsMemory(0, read)).ConfigureAwait(false);
            }
        }
        catch (Exception e) when (e is OperationCanceledException or IOException)
        {
            // Left, or the qube ended.
        }
    }

    private static void SendInput(Stream input, NetworkStream stream, bool isTerminal)
    {
        const byte Leave = 0x1D; // Ctrl-]
        byte[] buffer = new byte[1024];
        try
        {
            while (input.Read(buffer) is > 0 and int read)
            {
                int leave = isTerminal ? buffer.AsSpan(0, read).IndexOf(Leave) : -1;
                stream.Write(buffer.AsSpan(0, leave < 0 ? read : leave));
                if (leave >= 0)
                {
                    return;
                }
            }
        }
        catch (IOException)
        {
            // The qube ended; reading from it ends as well.
        }
    }
}
