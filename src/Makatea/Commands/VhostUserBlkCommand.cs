using System.CommandLine;
using System.CommandLine.Parsing;
using System.Runtime.InteropServices;
using Makatea.Cli;
using Makatea.Domains.Storage;
using Makatea.Platform;
using Makatea.Platform.Linux;
using Makatea.Serving;
using Makatea.Systems;
using Makatea.Virtio;
using Makatea.Virtio.Block;
using Microsoft.Extensions.Logging;

namespace Makatea.Commands;

/// <summary>
/// <c>makatea vhost-user-blk</c>: one block device for a front end of the user's own, such as QEMU or libvirt, with the options that
/// QEMU's vhost-user document asks of every backend program (section "Backend program conventions").
/// </summary>
internal static class VhostUserBlkCommand
{
    private const string Name = "vhost-user-blk";

    private static readonly Option<string> _socketPath = new("--socket-path", "-s") { Description = "Listen on a UNIX socket at PATH. Not with --fd.", HelpName = "PATH" };
    private static readonly Option<int?> _fd = new("--fd", "-f") { Description = "Serve on the UNIX socket that is open as descriptor N. Not with --socket-path.", HelpName = "N" };
    private static readonly Option<string> _file = new("--blk-file", "-b") { Description = "Raw file or block device to serve, or null:SIZE (such as null:1G) for a device that stores nothing.", HelpName = "FILE" };
    private static readonly Option<bool> _readOnly = new("--read-only", "-r") { Description = "The guest cannot write." };
    private static readonly Option<int> _queues = new("--num-queues") { Description = "Number of virtqueues, 1 to 64.", HelpName = "N", DefaultValueFactory = _ => 1 };
    private static readonly Option<int> _queueSize = new("--queue-size") { Description = "Largest queue size: a power of two, 2 to 32768.", HelpName = "N", DefaultValueFactory = _ => 1024 };
    private static readonly Option<string> _serial = new("--serial") { Description = "Serial number that the guest sees, up to 20 ASCII characters.", HelpName = "TEXT", DefaultValueFactory = _ => "" };
    private static readonly Option<FileEngine> _engine = new("--engine") { Description = "How the file is read and written.", DefaultValueFactory = _ => FileEngine.Auto };
    private static readonly Option<bool> _direct = new("--direct") { Description = "Go past the host's page cache (O_DIRECT)." };
    private static readonly Option<int> _pollTime = new("--poll-us") { Description = "For how many microseconds an idle queue polls before it sleeps, 0 to 10000.", HelpName = "N", DefaultValueFactory = _ => 50 };
    private static readonly Option<bool> _capabilities = new("--print-capabilities", "-c") { Description = "Print what this backend can do, as JSON, and exit." };
    private static readonly Option<bool> _version = new("--version", "-V") { Description = "Print the version and exit." };

    public static Command Create()
    {
        var command = new Command(Name, "Serve one block device over vhost-user.\n\n" +
            "Options follow the backend program conventions of QEMU's vhost-user document. SIGTERM and SIGINT end it with status 0.")
        {
            _socketPath, _fd, _file, _readOnly, _queues, _queueSize, _serial, _engine, _direct, _pollTime, _capabilities, _version,
        };
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
              "type": "block",
              "features": [
                "read-only",
                "blk-file"
              ]
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

        bool hasPath = command.GetResult(_socketPath) is not null;
        bool hasFd = command.GetResult(_fd) is not null;
        if (hasPath == hasFd)
        {
            command.AddError($"found {(hasPath ? "both" : "none")} of --socket-path and --fd, expected one");
        }

        if (command.GetResult(_file) is null)
        {
            command.AddError("found no --blk-file, expected a file, a block device or null:SIZE");
        }
    }

    private static int Run(ParseResult result)
    {
        TextWriter output = result.InvocationConfiguration.Output;
        if (result.GetValue(_version))
        {
            output.WriteLine($"makatea {Name} {typeof(VhostUserBlkCommand).Assembly.GetName().Version?.ToString(3)}");
            return ExitCode.Success;
        }

        Serve(result);
        return ExitCode.Success;
    }

    private static void Serve(ParseResult result)
    {
        using ILoggerFactory logs = StandardErrorLog.Create(verbose: false);
        ILogger log = logs.CreateLogger(Name);
        var host = new LinuxHost();
        var options = new VirtioBlockOptions
        {
            Name = Name,
            QueueCount = result.GetValue(_queues),
            MaxQueueSize = (ushort)result.GetValue(_queueSize),
            Serial = result.GetValue(_serial)!,
            PollTime = TimeSpan.FromMicroseconds(result.GetValue(_pollTime)),
        };
        using var device = new VirtioBlockDevice(OpenDevice(result, log), options);
        using UnixChannelListener listener = result.GetValue(_fd) is { } fd ? LinuxGrant.Adopt(fd).OpenListener() : UnixChannelListener.Bind(result.GetValue(_socketPath)!);
        using var server = new VhostUserServer(device, host, log);
        using PosixSignalRegistration onTerminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
        using PosixSignalRegistration onInterrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
        server.Serve(listener);

        void Stop(PosixSignalContext signal)
        {
            signal.Cancel = true;
            server.Close();
        }
    }

    private static BlockDevice OpenDevice(ParseResult result, ILogger log)
    {
        string file = result.GetRequiredValue(_file);
        if (NullImage.TryParse(file, out ulong size, out string? problem))
        {
            return problem is null ? new NullDevice(size / BlockDevice.SectorSize) : throw new CommandException($"--blk-file: {problem}", ExitCode.Usage);
        }

        return FileBlockDevice.Open(file, new FileBlockOptions
        {
            ReadOnly = result.GetValue(_readOnly),
            Direct = result.GetValue(_direct),
            Engine = result.GetValue(_engine),
            Notice = notice => log.LogInformation("{Notice}", notice),
        });
    }
}
