using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using System.Runtime.InteropServices;
using Makatea.Cli;
using Makatea.Domains.Storage;
using Makatea.Platform;
using Makatea.Platform.Linux;
using Makatea.Serving;
using Makatea.Systems;
using Makatea.Virtio;
using Microsoft.Extensions.Logging;
using Microsoft.Win32.SafeHandles;

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
    private static readonly Option<int> _queues = new("--num-queues") { Description = "Number of virtqueues, 1 to 256; by default 1.", HelpName = "N" };
    private static readonly Option<int> _queueSize = new("--queue-size") { Description = "Largest queue size: a power of two, 2 to 32768; by default 1024.", HelpName = "N" };
    private static readonly Option<string> _serial = new("--serial") { Description = "Serial number that the guest sees, up to 20 ASCII characters.", HelpName = "TEXT" };
    private static readonly Option<string> _partition = new("--partition") { Description = "Serve a GPT partition of the file: its number, its name or its GUID.", HelpName = "PARTITION" };
    private static readonly Option<string> _engine = new("--engine") { Description = "How the file is read and written; by default auto." };
    private static readonly Option<bool> _direct = new("--direct") { Description = "Go past the host's page cache (O_DIRECT)." };
    private static readonly Option<string> _locking = new("--locking") { Description = "Who else may use the file; by default exclusive. The two backends of a live migration share it." };
    private static readonly Option<int> _pollTime = new("--poll-us") { Description = "For how many microseconds an idle queue polls before it sleeps, 0 to 10000; by default 50.", HelpName = "N" };
    private static readonly Option<long> _iops = new("--iops") { Description = "Most operations a second.", HelpName = "N" };
    private static readonly Option<string> _bps = new("--bps") { Description = "Most bytes a second, such as 50M.", HelpName = "SIZE" };
    private static readonly Option<bool> _capabilities = new("--print-capabilities", "-c") { Description = "Print what this backend can do, as JSON, and exit." };
    private static readonly Option<bool> _version = new("--version", "-V") { Description = "Print the version and exit." };

    public static Command Create()
    {
        var command = new Command(Name, "Serve one block device over vhost-user.\n\n" +
            "Options follow the backend program conventions of QEMU's vhost-user document. SIGTERM and SIGINT end it with status 0.")
        {
            _socketPath, _fd, _file, _readOnly, _queues, _queueSize, _serial, _partition, _engine, _direct, _locking, _pollTime, _iops, _bps, _capabilities, _version,
        };
        _locking.AcceptOnlyFromAmong([.. Enum.GetNames<FileLocking>().Select(n => n.ToLowerInvariant())]);
        _engine.AcceptOnlyFromAmong([.. Enum.GetNames<FileEngine>().Select(n => n.ToLowerInvariant())]);
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

        BackendProgram.RequireSocket(command, _socketPath, _fd);
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
        using ILoggerFactory logs = StandardErrorLog.Create();
        using UnixChannelListener? listener = result.GetValue(_socketPath) is { } path ? UnixChannelListener.Bind(path) : null;
        using SafeFileHandle? image = OpenImage(result);
        ComponentManifest manifest = CreateManifest(result, listener is null ? result.GetValue(_fd)!.Value : Number(listener.Handle), image is null ? null : Number(image));
        using StorageDomain domain = Open(manifest, logs);
        using PosixSignalRegistration onTerminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
        using PosixSignalRegistration onInterrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
        BackendProgram.Seal(logs.CreateLogger(Name));
        domain.Start();
        domain.Wait();

        void Stop(PosixSignalContext signal)
        {
            signal.Cancel = true;
            domain.Close();
        }
    }

    private static StorageDomain Open(ComponentManifest manifest, ILoggerFactory logs)
    {
        try
        {
            ILogger log = logs.CreateLogger(Name);
            return new StorageDomain(manifest, new LinuxHost(), new LinuxGrants(notice => log.LogWarning("{Notice}", notice)), new StorageDomainOptions
            {
                Logger = new LoggerAdapter(log),
                Backends = services => LoadedBackends.Create(services, logs),
            });
        }
        catch (ArgumentException e)
        {
            throw new CommandException(e.Message, ExitCode.Usage, e);
        }
    }

    private static int Number(SafeHandle handle) => (int)handle.DangerousGetHandle();

    private static SafeFileHandle? OpenImage(ParseResult result)
    {
        string file = result.GetRequiredValue(_file);
        if (NullImage.TryParse(file, out _, out string? problem))
        {
            return problem is null ? null : throw new CommandException($"--blk-file: {problem}", ExitCode.Usage);
        }

        if (File.Exists(file) && !FileChecks.HasStorage(file))
        {
            throw new CommandException($"--blk-file: found an empty file, or no file or block device, at {file}; make an image with: truncate -s 1G {file}");
        }

        return File.OpenHandle(file, FileMode.Open, result.GetValue(_readOnly) ? FileAccess.Read : FileAccess.ReadWrite, FileShare.ReadWrite);
    }

    /// <summary>The manifest of a domain with this one device.</summary>
    private static ComponentManifest CreateManifest(ParseResult result, int listener, int? image)
    {
        const string Listener = "front end";
        const string Image = "image";
        bool isReadOnly = result.GetValue(_readOnly);
        var options = new Dictionary<string, string>();
        foreach (Option option in (Option[])[_queues, _queueSize, _serial, _engine, _locking, _pollTime, _partition, _iops, _bps])
        {
            if (result.GetResult(option) is { Implicit: false, Tokens: [{ Value: var value }] })
            {
                options[option == _queues ? "queues" : option.Name[2..]] = value;
            }
        }

        if (options.TryGetValue("bps", out string? bps))
        {
            options["bps"] = SizeShape.TryParse(bps, out decimal bytes) && bytes >= 1
                ? decimal.Truncate(bytes).ToString(CultureInfo.InvariantCulture)
                : throw new CommandException($"--bps: found '{bps}', expected a size with its unit, such as 50M", ExitCode.Usage);
        }

        options["direct"] = result.GetValue(_direct) ? "true" : "false";
        options["read-only"] = isReadOnly ? "true" : "false";
        List<ManifestGrant> grants = [new(Listener, GrantType.Listener, listener)];
        if (image is { } slot)
        {
            grants.Add(new ManifestGrant(Image, GrantType.File, slot, isReadOnly ? MemoryAccess.Read : MemoryAccess.ReadWrite));
            options["image"] = $"grant:{Image}";
        }
        else
        {
            NullImage.TryParse(result.GetRequiredValue(_file), out ulong size, out _);
            options["null"] = size.ToString(CultureInfo.InvariantCulture);
        }

        return new ComponentManifest { Name = Name, Kind = "storage", Grants = grants, Devices = [new ManifestDevice(Name, "virtio-blk", Listener, options)] };
    }
}
