using System.Collections.Concurrent;
using Makatea.Domains.Manager;
using Makatea.Domains.Storage;
using Makatea.NvmeModel;
using Makatea.Platform;
using Makatea.Platform.Linux;
using Moq;

namespace Makatea.Domains.Tests.Storage.Composition;

/// <summary>What the domain tells of an NVMe controller.</summary>
public sealed class ControllerTests
{
    private const string Name = "0000:01:00.0";
    private readonly ModelController _model = new();
    private readonly LinesLogger _log = new();

    [Fact]
    public void A_reset_is_logged_and_counted()
    {
        _model.Function = new ModelFunction(_model, null);
        _model.Disks.Add(new ModelNamespace(9, 1 << 20));
        var grant = new ManifestGrant(Name, GrantType.Function, 4);
        var grants = new Mock<ComponentGrants>();
        grants.Setup(g => g.OpenFunction(grant)).Returns(_model.Function);
        using var controllers = new ControllerOpener(new LinuxHost(), grants.Object, _ => { }, _log);
        using BlockDevice disk = controllers.OpenNamespace(grant, 1);
        using var collector = new MetricsCollector();
        using var metrics = new StorageMetrics("storage", [], controllers.Opened);
        Assert.Equal(0, Resets(collector).Value);

        _model.Die();
        Assert.True(SpinWait.SpinUntil(() => !_log.Lines.IsEmpty, TimeSpan.FromSeconds(20)), "nothing was logged");
        Assert.Equal(
            [$"Warning: controller {Name} was reset: the controller reports fatal status; it works again, and what was outstanding is done again"], _log.Lines);
        MetricSample resets = Resets(collector);
        Assert.Equal((1, controllers.Opened[0].Controller.Identity.ModelNumber), (resets.Value, resets.Tags[ControllerMetrics.Model]));
    }

    private static MetricSample Resets(MetricsCollector collector) =>
        Assert.Single(collector.Collect(), s => s.Name == ControllerMetrics.Resets && s.Tags[ControllerMetrics.Controller] == Name);

    private sealed class LinesLogger : ComponentLogger
    {
        public ConcurrentQueue<string> Lines { get; } = [];

        protected override void Write(LogSeverity severity, int id, Exception? exception, string text, ReadOnlySpan<object?> values) => Lines.Enqueue($"{severity}: {Format(text, values)}");
    }
}
