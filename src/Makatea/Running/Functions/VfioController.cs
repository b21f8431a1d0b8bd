using System.Globalization;
using System.Runtime.InteropServices;
using Makatea.Domains.Manager;
using Makatea.Domains.Storage;
using Makatea.Platform;
using Makatea.Platform.Linux;
using Makatea.Views;

namespace Makatea.Running;

/// <summary>
/// A controller of this machine, given to its domain through VFIO: the component maps its registers and hears its interrupts itself, and the IOMMU keeps the controller to the
/// memory that the component mapped for it. What one component had mapped ends with that component, as it alone has the DMA space. The controller is taken from its driver
/// when the first component starts.
/// </summary>
/// <param name="device">The controller, which <see cref="ControllerClaim"/> found fit.</param>
/// <param name="notice">Told in a sentence what is done with it.</param>
internal sealed class VfioController(LinuxPciDevice device, Action<string> notice) : DomainFunction
{
    private const ulong EnoughLocked = 1ul << 40;

    private readonly InterruptAffinity _affinity = new(device.Address);
    private VfioBinding? _binding;
    private VfioGrant? _grant;
    private VfioInterface _interface;
    private bool _toldOfMoves;

    /// <inheritdoc/>
    public override string Noun => ControllerKind.NounOf(device.Identity);

    /// <inheritdoc/>
    public override string Protection => $"behind {device.Iommu ?? "an IOMMU"}{(_interface == VfioInterface.None ? "" : $", {_interface.InWords()}")}";

    /// <summary>The function, and its DMA space in the slot after it.</summary>
    public override IReadOnlyList<GrantType> Types { get; } = [GrantType.Function, GrantType.Function];

    /// <inheritdoc/>
    public override IReadOnlyList<SafeHandle> Open()
    {
        Release();
        bool isFirst = _binding is null;
        if (isFirst)
        {
            Bind();
        }

        _grant = VfioGrant.Open(device.Address);
        _interface = _grant.Interface;
        if (isFirst)
        {
            notice($"{(device.Iommu is null ? "an IOMMU" : $"the IOMMU {device.Iommu}")} keeps {device.Address} to what its domain maps, {_interface.InWords()}");
        }

        return [_grant.Device, _grant.Space];
    }

    /// <summary>Has the interrupts of its queues raised where their threads stay.</summary>
    public override void Observe(IReadOnlyList<MetricSample> samples)
    {
        foreach (MetricSample sample in samples.Where(s => s.Name == ControllerMetrics.InterruptProcessor && s.Tags.GetValueOrDefault(ControllerMetrics.Controller) == device.Address.ToString()))
        {
            if (int.TryParse(sample.Tags.GetValueOrDefault(ControllerMetrics.Vector), NumberStyles.None, CultureInfo.InvariantCulture, out int vector))
            {
                Move(vector, (int)sample.Value);
            }
        }
    }

    /// <inheritdoc/>
    public override void Release()
    {
        _grant?.Dispose();
        _grant = null;
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        Release();
        _binding?.GiveBack(notice);
        _binding = null;
    }

    private void Move(int vector, int processor)
    {
        try
        {
            _ = _affinity.Move(vector, processor);
        }
        catch (IOException e) when (!_toldOfMoves)
        {
            _toldOfMoves = true;
            notice($"interrupts of {device.Address} stay where the kernel put them, and queues whose threads are elsewhere hear of completions later: {e.Message}; be root");
        }
        catch (IOException)
        {
            // It was told.
        }
    }

    private void Bind()
    {
        _binding = VfioBinding.Bind(device.Address);
        notice(_binding.Description);
        ulong limit = LockedMemory.RaiseLimit();
        if (limit < EnoughLocked)
        {
            notice($"components may lock {limit >> 20} MiB of memory: the data of qubes that have more is copied on its way to {device.Address}; raise the limit (ulimit -l) or be root");
        }
    }
}
