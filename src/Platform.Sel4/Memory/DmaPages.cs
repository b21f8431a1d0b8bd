using Makatea.Sel4;

namespace Makatea.Platform.Sel4;

/// <summary>Memory of the component that its devices can be let reach: pages that the layer made for that.</summary>
internal sealed class DmaPages : MappedMemory
{
    private nint _address;

    /// <summary>Makes zeroed memory.</summary>
    /// <exception cref="DmaException">There is none.</exception>
    internal DmaPages(KernelGate gate, ulong length)
    {
        long result = gate.Layer(LayerRequest.AllocateDma, length);
        _address = result > 0
            ? (nint)result
            : throw new DmaException($"the component has no {length} bytes that devices can reach (error {-result}); give it more memory in the system file");
        Length = length;
        Gate = gate;
    }

    /// <inheritdoc/>
    public override nint Address => _address;

    /// <inheritdoc/>
    public override ulong Length { get; }

    /// <inheritdoc/>
    public override bool IsLost => false;

    private KernelGate Gate { get; }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        nint address = Interlocked.Exchange(ref _address, 0);
        if (address != 0)
        {
            Gate.Unmap(address, Length);
        }
    }
}
