using System.CommandLine;
using System.CommandLine.Parsing;
using System.Runtime.InteropServices;
using Makatea.Cli;
using Makatea.Domains.Net;
using Makatea.Platform;
using Makatea.Platform.Linux;
using Makatea.Serving;
using Makatea.Virtio;
using Microsoft.Extensions.Logging;

namespace Makatea.Commands;

/// <summary>
/// <c>makatea vhost-user-net</c>: network devices for front ends of the user's own, such as QEMU or DPDK, connected to each other, with the options that QEMU's vhost-user document asks of every
/// backend program (section "Backend program conventions").
/// </summary>
internal static class VhostUserNetCommand
{
    private const string Name = "vhost-user-net";

    private static readonly Option<string> _socketPath = new("--socket-path", "-s") { Description = "Listen on a UNIX socket at PATH, for any number of front ends. Not with --fd.", HelpName = "PATH" };
    private static readonly Option<int?> _fd = new("--fd", "-f") { Description = "Serve on the UNIX socket that is open as descriptor N. Not with --socket-path.", HelpName = "N" };
    private static readonly Option<string> _mode = new("--mode") { Description = "What is done with frames: a switch between all front ends, by default; or sent back (loopback); or dropped (sink)." };
    private static readonly Option<int> _queues = new("--queues") { Description = "Pairs of virtqueues of each front end, 1 to 127; by default 1.", HelpName = "N", DefaultValueFactory = _ => 1 };
    private static readonly Option<int> _queueSize = new("--queue-size") { Description = "Largest queue size: a power of two, 2 to 32768; by default 1024.", HelpName = "N", DefaultValueFactory = _ => 1024 };
    private static readonly Option<int> _mtu = new("--mtu") { Description = "Largest payload of a frame in bytes, 68 to 65535; by default 1500.", HelpName = "N", DefaultValueFactory = _ => 1500 };
    private static readonly Option<int> _maxPorts = new("--max-front-ends") { Description = "Most front ends at a time, 1 to 64; by default 16.", HelpName = "N", DefaultValueFactory = _ => 16 };
    private static readonly Option<int> _pollTime = new("--poll-us") { Description = "For how many microseconds the idle thread polls before it sleeps, 0 to 10000; by default 50.", HelpName = "N", DefaultValueFactory = _ => 50 };
    private static readonly Option<bool> _capabilities = new("--print-capabilities", "-c") { Description = "Print what this backend can do, as JSON, and exit." };
    private static readonly Option<bool> _version = new("--version", "-V") { Description = "Print the version and exit." };

    public static Command Create()
    {
        var command = new Command(Name, "Serve network devices over vhost-user.\n\n" +
            "Options follow the backend program conventions of QEMU's vhost-user document. SIGTERM and SIGINT end it with status 0.")
        {
            _socketPath, _fd, _mode, _queues, _queueSize, _mtu, _maxPorts, _pollTime, _capabilities, _version,
        };
        _mode.AcceptOnlyFromAmong([.. Enum.GetNames<NetBackendMode>().Select(n => n.ToLowerInvariant())]);
        command.Validators.Add(Validate);
        command.SetAction(Run);
        return command;
    }

    /// <summary>With --print-capabilities, all else on the command line is ignored.</summary>
    public static bool AsksForCapabilities(ParseResult result) => result.CommandResult.Command.Name == Name && result.GetResult(_capabilities) is { Implicit: false };

    /// <summary>Prints what QEMU's vhost-user.json calls VHostUserBackendCapabilities.</summary>
    public static int PrintCapabilities(TextWriter output)
    {
        output.WriteLine("""
            {
              "type": "net"
            }
            """);
        return ExitCode.Success;
    }

    private static void Validate(CommandResult command)
    {
        if (command.GetResult(_version) is { Implicit: false })
        {
            return;
        }

        BackendProgram.RequireSocket(command, _socketPath, _fd);
    }

    private static int Run(ParseResult result)
    {
        if (result.GetValue(_version))
        {
            result.InvocationConfiguration.Output.WriteLine($"makatea {Name} {typeof(VhostUserNetCommand).Assembly.GetName().Version?.ToString(3)}");
            return ExitCode.Success;
        }

        Serve(result);
        return ExitCode.Success;
    }

    private static void Serve(ParseResult result)
    {
        using ILoggerFactory logs = StandardErrorLog.Create();
        ILogger log = logs.CreateLogger(Name);
        using NetBackend backend = Open(result, log);
        using ChannelListener listener = result.GetValue(_socketPath) is { } path
            ? UnixChannelListener.Bind(path)
            : new LinuxGrants(notice => log.LogWarning("{Notice}", notice)).OpenListener(new ManifestGrant("front end", GrantType.Listener, result.GetValue(_fd)!.Value));
        using PosixSignalRegistration onTerminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
        using PosixSignalRegistration onInterrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
        BackendProgram.Seal(log);
        backend.Serve(listener);

        void Stop(PosixSignalContext signal)
        {
            signal.Cancel = true;
            backend.Close();
        }
    }

    private static NetBackend Open(ParseResult result, ILogger log)
    {
        try
        {
            return new NetBackend(
                new LinuxHost(),
                new NetBackendOptions
                {
                    Name = Name,
                    Mode = result.GetValue(_mode) is { } mode ? Enum.Parse<NetBackendMode>(mode, ignoreCase: true) : NetBackendMode.Switch,
                    QueuePairs = result.GetValue(_queues),
                    MaxQueueSize = (ushort)Math.Clamp(result.GetValue(_queueSize), 0, ushort.MaxValue),
                    Mtu = result.GetValue(_mtu),
                    MaxPorts = result.GetValue(_maxPorts),
                    PollTime = TimeSpan.FromMicroseconds(result.GetValue(_pollTime)),
                },
                new LoggerAdapter(log));
        }
        catch (ArgumentException e)
        {
            throw new CommandException(e.Message, ExitCode.Usage, e);
        }
    }
}
