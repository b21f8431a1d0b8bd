using System.Runtime.InteropServices;
using Makatea.Platform;
using Makatea.Platform.Linux;

namespace Makatea.Running;

/// <summary>
/// A controller of a machine without an IOMMU, which the user allowed. The manager holds the controller and serves its function to the component, which so far chooses no address;
/// but what it tells the controller to do reaches all memory of the machine. Data is copied through huge pages, as guests' memory is in pieces, and there are no interrupts.
/// </summary>
/// <param name="device">The controller, which <see cref="ControllerClaim"/> found fit.</param>
/// <param name="notice">Told in a sentence what is done with it.</param>
internal sealed class UnprotectedController(LinuxPciDevice device, Action<string> notice) : DomainFunction
{
    private VfioBinding? _binding;
    private ServedFunction? _served;

    /// <inheritdoc/>
    public override string Noun => ControllerKind.NounOf(device.Identity);

    /// <inheritdoc/>
    public override string Protection => "behind no IOMMU";

    /// <inheritdoc/>
    public override IReadOnlyList<GrantType> Types { get; } = [GrantType.Channel];

    /// <inheritdoc/>
    public override IReadOnlyList<SafeHandle> Open()
    {
        _served?.Dispose();
        _served = null;
        if (_binding is null)
        {
            _binding = VfioBinding.Detach(device.Address);
            notice(_binding.Description);
            notice($"WARNING: nothing keeps {device.Address} from any memory of this machine, nor a component that drives it and was taken over; its data is copied, and it is polled");
        }

        var space = new PhysicalDmaSpace();
        try
        {
            var function = SysfsFunction.Open(device.Address, space);
            function.Reset();
            _served = new ServedFunction(function, space, notice);
        }
        catch
        {
            space.Dispose();
            throw;
        }

        return [_served.Handle];
    }

    /// <inheritdoc/>
    public override void Release() => _served?.Release();

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        _served?.Dispose();
        _served = null;
        _binding?.GiveBack(notice);
        _binding = null;
    }
}
