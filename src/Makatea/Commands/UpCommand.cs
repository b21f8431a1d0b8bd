using System.CommandLine;
using System.Runtime.InteropServices;
using Makatea.Cli;
using Makatea.Qemu;
using Makatea.Running;
using Makatea.Systems;
using Makatea.Views;
using Spectre.Console;

namespace Makatea.Commands;

/// <summary><c>makatea up SYSTEM.yaml</c>: runs a system in the foreground.</summary>
internal static class UpCommand
{
    private static readonly Argument<string> _file = SystemFileArgument.Create();
    private static readonly Option<bool> _plain = new("--plain", "--no-tty") { Description = "Print a line for each event in the place of the live table." };
    private static readonly Option<bool> _detach = new("--detach", "-d") { Description = "Return when everything runs, and keep it running in the background until 'makatea down'." };
    private static readonly Option<string> _accelerator = new("--accel") { Description = "auto: KVM where it really works, else TCG. MAKATEA_ACCEL in the environment does the same.", HelpName = "auto|kvm|tcg" };
    private static readonly Option<string> _qemu = new("--qemu") { Description = "QEMU's executable; by default qemu-system-x86_64 on PATH.", HelpName = "PATH" };
    private static readonly Option<double> _stopTime = new("--stop-timeout") { Description = "How many seconds a guest gets to power down before its plug is pulled.", HelpName = "SECONDS", DefaultValueFactory = _ => 10 };

    private static readonly Option<bool> _bind = new("--bind") { Description = "Take the devices that the system file names from their drivers and bind them to vfio-pci, for as long as the system runs. Not those that are in use." };
    private static readonly Option<bool> _unprotected = new("--allow-unprotected") { Description = "Go on where no IOMMU keeps a device, and the domain that drives it, from all memory of this machine." };

    public static Command Create()
    {
        var command = new Command("up", "Start a system: its domains, each in a sandbox, then its qubes. Ctrl-C or 'makatea down' stops it.\n\n" +
            "Ends by itself when all qubes have powered off, with status 1 where one failed.")
        {
            _file, _plain, _detach, _accelerator, _qemu, _stopTime, _bind, _unprotected,
        };
        command.Aliases.Add("run");
        command.SetAction((result, _) => RunAsync(result));
        return command;
    }

    private static async Task<int> RunAsync(ParseResult result)
    {
        string file = result.GetRequiredValue(_file);
        SystemDescription system = SystemFileArgument.Load(file);
        Platforms.RequireLinux(system, file);
        bool usesQemu = VmmChoice.MayUseQemu(system);
        string qemu = usesQemu || result.GetValue(_qemu) is not null ? QemuProgram.Find(result.GetValue(_qemu)) : "";
        string? accelerator = result.GetValue(_accelerator);
        if (accelerator is not (null or "auto" or "kvm" or "tcg"))
        {
            throw new CommandException($"found --accel={accelerator}, expected auto, kvm or tcg", ExitCode.Usage);
        }

        if (result.GetValue(_detach))
        {
            await DetachAsync(result, system.Name.Value, file).ConfigureAwait(false);
            return ExitCode.Success;
        }

        using IDisposable? build = DetachedManager.HoldBuild();
        var devices = new DeviceOptions(result.GetValue(_bind), result.GetValue(_unprotected), Retell(result, file));
        var options = new RunOptions(system, file, qemu, () => usesQemu ? Accelerator.Choose(qemu, accelerator) : new("kvm", "all of them run in makatea-vmm"), TimeSpan.FromSeconds(result.GetValue(_stopTime)), devices);
        bool isPlain = result.GetValue(_plain) || Console.IsOutputRedirected || !AnsiConsole.Profile.Capabilities.Ansi;
        IRunView view = isPlain ? new PlainView(result.InvocationConfiguration.Output) : new TableView(AnsiConsole.Console);
        return await RunAsync(options, view).ConfigureAwait(false) ? ExitCode.Success : ExitCode.Failure;
    }

    /// <summary>The command as far as devices are concerned, for messages to add options to.</summary>
    private static string Retell(ParseResult result, string file) =>
        string.Join(' ', ["makatea", "up", file, .. ((Option<bool>[])[_bind, _unprotected]).Where(result.GetValue).Select(o => o.Name)]);

    private static async Task DetachAsync(ParseResult result, string name, string file)
    {
        List<string> arguments = ["up", file, "--plain"];
        foreach (Option option in (Option[])[_accelerator, _qemu, _stopTime])
        {
            arguments.AddRange(result.GetResult(option) is { Implicit: false, Tokens: [{ Value: var value }] } ? [option.Name, value] : []);
        }

        arguments.AddRange(((Option<bool>[])[_bind, _unprotected]).Where(result.GetValue).Select(o => o.Name));
        await DetachedManager.StartAsync(name, arguments, result.InvocationConfiguration.Output).ConfigureAwait(false);
        await result.InvocationConfiguration.Output.WriteLineAsync($"'{name}' runs; 'makatea ls' shows it, 'makatea down {name}' stops it").ConfigureAwait(false);
    }

    private static async Task<bool> RunAsync(RunOptions options, IRunView view)
    {
        using var stop = new CancellationTokenSource();
        using var hurry = new CancellationTokenSource();
        var events = new RunEvents();

        // First of all: what is made from here on is unmade by the end that Ctrl-C asks for.
        using IDisposable signals = OnSignals(() => Stop(now: stop.IsCancellationRequested));
        StateDirectory state = StateDirectory.Take(options.System.Name.Value);
        SystemRunner? runner = null;
        ControlServer? server = null;
        try
        {
            runner = new SystemRunner(options, state, events);
            server = new ControlServer(state.ControlSocket, () => runner.Status, Stop, runner.Net, runner.Qubes);
            Task<bool> run = Task.Run(() => runner.RunAsync(stop.Token, hurry.Token));
            try
            {
                await view.ShowAsync(() => runner.Status, events, run).ConfigureAwait(false);
            }
            catch (IOException)
            {
                // The terminal went away. The system did not: SIGHUP, or who closed our output, decides.
            }

            return await run.ConfigureAwait(false);
        }
        finally
        {
            // Whoever asked for the end hears of it when the same system can be started again.
            runner?.Dispose();
            state.Dispose();
            server?.Dispose();
        }

        void Stop(bool now)
        {
            if (!stop.IsCancellationRequested)
            {
                events.Add("", "stopping");
                _ = stop.CancelAsync();
            }

            if (now)
            {
                _ = hurry.CancelAsync();
            }
        }
    }

    private static Signals OnSignals(Action action) => new(
        [.. new[] { PosixSignal.SIGINT, PosixSignal.SIGTERM, PosixSignal.SIGHUP }.Select(s => PosixSignalRegistration.Create(s, context =>
        {
            context.Cancel = true;
            action();
        }))]);

    private sealed class Signals(IReadOnlyList<PosixSignalRegistration> registrations) : IDisposable
    {
        public void Dispose()
        {
            foreach (PosixSignalRegistration registration in registrations)
            {
                registration.Dispose();
            }
        }
    }
}
