using System.Globalization;
using System.Runtime.InteropServices;
using Makatea.Domains.Manager;
using Makatea.Domains.Storage;
using Makatea.Platform;
using Makatea.Platform.Linux;
using Makatea.Running;
using Makatea.VfioProbe;

namespace Makatea.VfioStorage;

/// <summary>The storage domain in a process of its own, which holds a controller, a socket to serve on and a channel to its starter.</summary>
internal sealed class StorageComponent : IDisposable
{
    private const int FunctionSlot = 3;
    private const int ListenerSlot = 5;
    private const int ControlSlot = 6;

    private const string Serving = "ok: the storage domain serves, sealed";
    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(30);

    private readonly TemporaryOutput _output = new();
    private readonly ControlChannel _control;
    private readonly SandboxedProcess _process;

    /// <summary>Starts it with a controller that was made ready for it, and waits until it serves.</summary>
    public StorageComponent(PciAddress address, DomainFunction controller, UnixChannelListener listener)
    {
        _control = new ControlChannel(new LinuxHost().CreateChannel(out Grant peer), "storage");
        using (peer)
        {
            IReadOnlyList<SafeHandle> function = controller.Open();
            var descriptors = new Dictionary<int, SafeHandle>
            {
                [1] = _output.Handle,
                [2] = _output.Handle,
                [ListenerSlot] = listener.Handle,
                [ControlSlot] = ((LinuxGrant)peer).Handle,
            };
            for (int i = 0; i < function.Count; i++)
            {
                descriptors.Add(FunctionSlot + i, function[i]);
            }

            _process = SandboxedProcess.Start(DotnetSandbox.ForExecutable(Environment.ProcessPath!, "component", address.ToString(), controller.Types[0].ToString()) with
            {
                Limits = new SandboxLimits { LockedMemory = null },
                Descriptors = descriptors,
            });
            controller.Release();
        }

        if (!SpinWait.SpinUntil(() => Output.Contains(Serving, StringComparison.Ordinal) || _process.WaitForExit(TimeSpan.FromMilliseconds(10)), _patience)
            || _process.WaitForExit(TimeSpan.Zero))
        {
            _process.Kill();
            throw new InvalidOperationException($"the component does not serve: {_process.WaitForExit()}; it printed:\n{Output}");
        }
    }

    /// <summary>It runs.</summary>
    public bool IsAlive => !_process.WaitForExit(TimeSpan.Zero);

    /// <summary>What it printed.</summary>
    public string Output => _output.Text;

    /// <summary>Bytes that it has pinned for its device: a container counts them as locked, iommufd as pinned.</summary>
    public long PinnedBytes => File.ReadLines($"/proc/{_process.Pid}/status")
        .Where(l => l.StartsWith("VmLck:", StringComparison.Ordinal) || l.StartsWith("VmPin:", StringComparison.Ordinal))
        .Sum(l => long.Parse(l.Split(' ', '\t', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture) << 10);

    /// <summary>The component's side.</summary>
    /// <param name="address">The controller, whose grant has its name.</param>
    /// <param name="type">A function of VFIO, or a channel to who serves it.</param>
    public static void Run(string address, GrantType type)
    {
        using var metrics = new MetricsCollector();
        using MessageChannel channel = LinuxGrant.Adopt(ControlSlot).OpenChannel();
        using var control = new ControlChannel(channel, "starter");
        var manifest = new ComponentManifest
        {
            Name = "storage",
            Kind = "storage",
            Grants = [new(address, type, FunctionSlot), new("front end", GrantType.Listener, ListenerSlot)],
            Devices =
            [
                new("disk", "virtio-blk", "front end", new Dictionary<string, string> { ["image"] = "grant:" + address, ["namespace"] = "1", ["serial"] = "vfio", ["queues"] = "2" }),
            ],
        };
        using var domain = new StorageDomain(manifest, new LinuxHost(), new LinuxGrants());
        domain.Start();
        SandboxSeal.Apply(SandboxSealRights.None);
        Console.WriteLine(Serving);
        while (control.ReceiveAsync().AsTask().GetAwaiter().GetResult() is not (null or StopMessage))
        {
            control.Send(new MetricsMessage(metrics.Collect()));
        }
    }

    /// <summary>Asks what it measured.</summary>
    public IReadOnlyList<MetricSample> Measure()
    {
        _control.Send(new MetricsRequestMessage());
        return _control.ReceiveAsync().AsTask().GetAwaiter().GetResult() is MetricsMessage answer ? answer.Samples : throw new InvalidDataException("no metrics came");
    }

    /// <summary>Ends it as the kernel would: in the middle of whatever it does.</summary>
    public void Kill()
    {
        _process.Kill();
        _process.WaitForExit();
    }

    /// <summary>Asks for its end.</summary>
    /// <returns>How it ended.</returns>
    public ProcessExit Stop()
    {
        _control.Send(new StopMessage());
        return _process.WaitForExit();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _control.Dispose();
        _process.Dispose();
        _output.Dispose();
    }
}
