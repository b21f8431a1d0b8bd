using System.Runtime.InteropServices;
using Makatea.Platform;
using Makatea.Platform.Linux;

namespace Makatea.Running;

/// <summary>
/// An NVMe controller of this machine, given to its domain through VFIO: the component maps its registers and hears its interrupts itself, and the IOMMU keeps the controller to the
/// memory that the component mapped for it. What one component had mapped ends with that component, as it alone has the DMA space.
/// </summary>
internal sealed class VfioNvme : DomainFunction
{
    private const ulong EnoughLocked = 1ul << 40;

    private readonly VfioBinding _binding;
    private readonly Action<string> _notice;
    private VfioGrant? _grant;
    private bool _disposed;

    /// <summary>Takes a controller over that <see cref="NvmeClaim"/> found fit.</summary>
    /// <param name="device">The controller.</param>
    /// <param name="notice">Told in a sentence what was done with it.</param>
    /// <exception cref="IOException">It cannot be had; it is as it was then.</exception>
    public VfioNvme(LinuxPciDevice device, Action<string> notice)
    {
        _notice = notice;
        ulong limit = LockedMemory.RaiseLimit();
        if (limit < EnoughLocked)
        {
            notice($"components may lock {limit >> 20} MiB of memory: the data of qubes that have more is copied on its way to {device.Address}; raise the limit (ulimit -l) or be root");
        }

        _binding = VfioBinding.Bind(device.Address);
        notice(_binding.Description);
    }

    /// <summary>The function, and its DMA space in the slot after it.</summary>
    public override IReadOnlyList<GrantType> Types { get; } = [GrantType.Function, GrantType.Function];

    /// <inheritdoc/>
    public override IReadOnlyList<SafeHandle> Open()
    {
        Release();
        _grant = VfioGrant.Open(_binding.Address);
        return [_grant.Device, _grant.Container];
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
        if (_disposed)
        {
            return;
        }

        _disposed = true;
        Release();
        try
        {
            _binding.Dispose();
            if (!_binding.WasBound)
            {
                _notice(_binding.PreviousDriver is { } driver ? $"gave {_binding.Address} back to {driver}" : $"took {_binding.Address} from vfio-pci again");
            }
        }
        catch (IOException e)
        {
            _notice($"{_binding.Address} was not given back: {e.Message}; try 'makatea devices --give-back {_binding.Address}'");
        }
    }
}
