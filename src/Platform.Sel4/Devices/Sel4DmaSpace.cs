using Makatea.Sel4;

namespace Makatea.Platform.Sel4;

/// <summary>
/// The DMA space of one function: an IOSpace of the kernel. The layer makes its page tables of the component's own memory, and maps pages of that and of regions that devices may
/// reach; the kernel sees to it that it can map no others.
/// </summary>
public sealed class Sel4DmaSpace : DmaSpace
{
    private const int Page = 4096;

    // Not the lowest megabyte, where devices and firmware expect other things, nor what reads as an interrupt message ([VT-d-4.1] 3.14).
    private const ulong First = 0x10_0000;
    private const ulong FirstMessage = 0xfee0_0000;
    private const ulong LastMessage = 0xfeef_ffff;

    private readonly KernelGate _gate;
    private readonly GrantEntry _function;
    private readonly Lock _lock = new();
    private readonly IovaAllocator _free;

    internal Sel4DmaSpace(KernelGate gate, GrantEntry function)
    {
        _gate = gate;
        _function = function;
        AddressBits = (int)Math.Min(function.Detail, 64);
        ulong last = AddressBits == 64 ? ulong.MaxValue : (1ul << AddressBits) - 1;
        _free = new IovaAllocator(last < FirstMessage ? [(First, last)] : [(First, FirstMessage - 1), (LastMessage + 1, last)]);
    }

    /// <inheritdoc/>
    public override bool IsProtected => _function.Slot != 0;

    /// <inheritdoc/>
    public override int AddressBits { get; }

    /// <inheritdoc/>
    public override int PageSize => Page;

    /// <inheritdoc/>
    public override DmaMemory Allocate(ulong length)
    {
        ArgumentOutOfRangeException.ThrowIfZero(length);
        return Own(new DmaPages(_gate, checked(length + Page - 1) & ~(ulong)(Page - 1)));
    }

    /// <inheritdoc/>
    protected override ulong MapPages(nint address, ulong length, DmaAccess access)
    {
        ulong iova;
        lock (_lock)
        {
            if (!_free.TryAllocate(length, Page, out iova))
            {
                throw new DmaException($"no 0x{length:x} device addresses are free below 2^{AddressBits}");
            }
        }

        long result = _gate.Layer(LayerRequest.MapDma, _function.Number, (ulong)address, length, iova, (ulong)access);
        if (result < 0)
        {
            Free(iova, length);
            throw new DmaException($"0x{length:x} bytes at 0x{address:x} cannot be reached by function '{_function.Name}' (error {-result}): they have to be of a region that its devices may reach, or made for them, and there has to be memory for tables");
        }

        return iova;
    }

    /// <inheritdoc/>
    protected override void UnmapPages(ulong iova, ulong length)
    {
        // Addresses that the device may still reach are not given out again.
        if (_gate.Layer(LayerRequest.UnmapDma, _function.Number, iova, length) >= 0)
        {
            Free(iova, length);
        }
    }

    /// <summary>What is mapped goes with what it was mapped for.</summary>
    protected override void Dispose(bool disposing)
    {
    }

    private void Free(ulong iova, ulong length)
    {
        lock (_lock)
        {
            _free.Free(iova, length);
        }
    }
}
