using Makatea.Domains.Manager;
using Makatea.Domains.Net;
using Makatea.Platform.Linux;
using Makatea.Virtio;
using Microsoft.Extensions.Logging;

namespace Makatea.Serving;

/// <summary>The component of a net domain.</summary>
internal static class NetComponent
{
    /// <summary>Serves until the manager ends it.</summary>
    public static async Task ServeAsync(StartMessage start, ControlChannel control, ILoggerFactory logs)
    {
        using var metrics = new MetricsCollector();
        using var domain = new NetDomain(start.Manifest, new LinuxHost(), new LinuxGrants(), new NetDomainSettings { Logger = new LoggerAdapter(logs.CreateLogger(start.Manifest.Name)) });
        domain.Start();
        SandboxSeal.Apply(SandboxSealRights.OpenFiles | SandboxSealRights.ExecutableMemory);
        control.Send(new ReadyMessage(domain.Notices));
        while (await control.ReceiveAsync().ConfigureAwait(false) is { } message and not StopMessage)
        {
            switch (message)
            {
                case MetricsRequestMessage:
                    control.Send(new MetricsMessage(metrics.Collect()));
                    break;
                case SetRulesMessage rules:
                    control.Send(new ChangedMessage(rules.Id, await TryAsync(() => domain.SetRulesAsync(rules.Client, rules.Rules)).ConfigureAwait(false)));
                    break;
                case SetLinkMessage link:
                    control.Send(new ChangedMessage(link.Id, await TryAsync(() =>
                    {
                        domain.SetLink(link.Client, link.IsAttached);
                        return Task.CompletedTask;
                    }).ConfigureAwait(false)));
                    break;
            }
        }
    }

    /// <returns>What was wrong, or null.</returns>
    private static async Task<string?> TryAsync(Func<Task> change)
    {
        try
        {
            await change().ConfigureAwait(false);
            return null;
        }
        catch (ArgumentException e)
        {
            return e.Message;
        }
    }
}
