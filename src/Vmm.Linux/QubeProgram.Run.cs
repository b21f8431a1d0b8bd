using System.Runtime.InteropServices;
using Makatea.Vmm.Linux.Monitor;

namespace Makatea.Vmm.Linux;

/// <content>The qube from its start to its end, over all resets.</content>
internal sealed partial class QubeProgram
{
    private Qube? _qube;
    private string? _endReason;
    private bool _hasRun;
    private bool _hasBegun;
    private bool _isOver;

    /// <summary>Raised when the qube runs, or could, for the first time: what it is made of is right.</summary>
    public event Action? Began;

    /// <summary>Runs it. SIGTERM and SIGINT end it.</summary>
    /// <param name="options">What the qube is made of; devices and what is random come from here.</param>
    /// <param name="console">Its console.</param>
    /// <returns>The program's status.</returns>
    public async Task<int> RunAsync(QubeOptions options, QubeConsole console)
    {
        using PosixSignalRegistration term = PosixSignalRegistration.Create(PosixSignal.SIGTERM, End);
        using PosixSignalRegistration interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, End);
        QubeEnd end;
        do
        {
            end = await RunOnceAsync(options, console);
            options = options with { Snapshot = null };
        }
        while (GoesOn(end));

        if (end.Kind is QubeEndKind.PoweredOff or QubeEndKind.Killed || _endReason is not null)
        {
            return 0;
        }

        await Console.Error.WriteLineAsync($"the qube {(end.Kind == QubeEndKind.Reset ? "reset itself" : "cannot go on")}: {end.Reason}");
        return 1;
    }

    private async Task<QubeEnd> RunOnceAsync(QubeOptions options, QubeConsole console)
    {
        options = options with { RandomSeed = ReadRandom(32), Devices = Array.ConvertAll(TakeDevices(), d => d.FrontEnd), Detached = OnDetached, Report = what => Console.Error.WriteLine($"makatea-vmm: {what}") };
        using var qube = new Qube(_kvm.CreateMachine(), _host, options);
        await using SerialConsole serial = console.Connect(qube.Console);
        lock (_control)
        {
            _qube = qube;
            if (_endReason is not null)
            {
                qube.Kill();
            }

            if (_isPaused)
            {
                qube.Pause();
            }

            _hasRun |= !_isPaused;
            qube.Start();
        }

        if (!_hasBegun)
        {
            _hasBegun = true;
            Began?.Invoke();
        }

        QubeEnd end = await Task.Factory.StartNew(qube.Wait, TaskCreationOptions.LongRunning);
        lock (_control)
        {
            _qube = null;
        }

        return end;
    }

    /// <summary>Tells of an end, and whether a new beginning follows.</summary>
    private bool GoesOn(QubeEnd end)
    {
        lock (_control)
        {
            bool byHost = _isResetByHost;
            _isResetByHost = false;
            bool goesOn = end is { Kind: QubeEndKind.Reset, Reason: null } && _endReason is null;
            _isOver = !goesOn;
            Happened?.Invoke(goesOn ? MonitorEvent.Reset(byGuest: !byHost) : Last(end));
            return goesOn;
        }
    }

    private MonitorEvent Last(QubeEnd end) => end.Kind switch
    {
        QubeEndKind.PoweredOff => MonitorEvent.Shutdown(byGuest: true, "guest-shutdown"),
        QubeEndKind.Reset when end.Reason is not null => MonitorEvent.Shutdown(byGuest: true, "guest-panic"),
        QubeEndKind.Failed => MonitorEvent.Shutdown(byGuest: true, "host-error"),
        _ => MonitorEvent.Shutdown(byGuest: false, _endReason ?? "host-signal"),
    };

    private void End(PosixSignalContext context)
    {
        context.Cancel = true;
        End("host-signal");
    }
}
