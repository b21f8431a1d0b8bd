using System.Collections.Concurrent;
using Makatea.Cli;
using Makatea.Domains.Manager;
using Makatea.Domains.Net;
using Makatea.Domains.Storage;
using Makatea.Platform;
using Makatea.Platform.Linux;
using Makatea.Running;
using Makatea.Virtio;
using Microsoft.Extensions.Logging;

namespace Makatea.Serving;

/// <summary>
/// The component of a domain: what <c>makatea up</c> starts in a sandbox, for itself alone. It opens nothing; its manager tells it what it has and is over the
/// control channel, and when that ends, so does it.
/// </summary>
internal static class ComponentProgram
{
    /// <summary>Runs until the manager ends it.</summary>
    /// <returns>Exit status.</returns>
    public static async Task<int> RunAsync()
    {
        using ILoggerFactory logs = StandardErrorLog.Create();
        using MessageChannel channel = LinuxGrant.Adopt(GrantTable.ControlSlot).OpenChannel();
        using var control = new ControlChannel(channel, "manager");
        try
        {
            if (await control.ReceiveAsync().ConfigureAwait(false) is not StartMessage start)
            {
                throw new IOException("the manager did not begin with a start message");
            }

            await (start.Manifest.Kind == NetDomainOptions.Kind ? NetComponent.ServeAsync(start, control, logs) : ServeAsync(start, control, logs)).ConfigureAwait(false);
            return ExitCode.Success;
        }
        catch (Exception e) when (e is ArgumentException or IOException or GrantException or SandboxException)
        {
            TellFailure(control, e.Message);
            return ExitCode.Failure;
        }
    }

    private static void TellFailure(ControlChannel control, string reason)
    {
        try
        {
            control.Send(new FailedMessage(reason));
        }
        catch (IOException)
        {
            // The manager is gone, and there is nobody to tell.
        }
    }

    private static async Task ServeAsync(StartMessage start, ControlChannel control, ILoggerFactory logs)
    {
        using var metrics = new MetricsCollector();
        ILogger log = logs.CreateLogger(start.Manifest.Name);
        var notices = new ConcurrentQueue<string>();
        using var domain = new StorageDomain(start.Manifest, new LinuxHost(), new LinuxGrants(Notice), new StorageDomainOptions
        {
            Logger = new LoggerAdapter(log),
            Backends = services => LoadedBackends.Create(services, logs),
            DeviceFailed = start.IsRestart ? (device, e) => notices.Enqueue($"{device.Name} is not served: {e.Message}") : null,
        });
        domain.Start();
        SandboxSeal.Apply(SandboxSealRights.OpenFiles | SandboxSealRights.ExecutableMemory | SandboxSealRights.NewRings);
        control.Send(new ReadyMessage([.. domain.Notices, .. notices]));
        while (await control.ReceiveAsync().ConfigureAwait(false) is { } message and not StopMessage)
        {
            if (message is MetricsRequestMessage)
            {
                control.Send(new MetricsMessage(metrics.Collect()));
            }
        }

        // Of a file, when it is opened or, later, when a queue of it is.
        void Notice(string notice)
        {
            notices.Enqueue(notice);
            log.LogWarning("{Notice}", notice);
        }
    }
}
