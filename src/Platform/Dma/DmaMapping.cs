using System.Runtime.CompilerServices;

namespace Makatea.Platform;

/// <summary>Memory of this component that devices of a <see cref="DmaSpace"/> reach, until disposed.</summary>
public sealed class DmaMapping : IDisposable
{
    private readonly DmaSpace _space;

    internal DmaMapping(DmaSpace space, nint address, ulong length, ulong iova, DmaAccess access)
    {
        _space = space;
        Address = address;
        Length = length;
        Iova = iova;
        Access = access;
    }

    /// <summary>Host virtual address of the first byte.</summary>
    public nint Address { get; }

    /// <summary>Length in bytes: whole pages.</summary>
    public ulong Length { get; }

    /// <summary>The devices' address of the first byte.</summary>
    public ulong Iova { get; }

    /// <summary>What devices may do.</summary>
    public DmaAccess Access { get; }

    /// <summary>Takes the memory out of the devices' reach; none has it after the return. No request in a device may name it.</summary>
    public void Dispose() => _space.Remove(this);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal bool TryTranslate(nint address, int length, out ulong iova)
    {
        // Written so that nothing can wrap: an address below gives an offset beyond any length.
        ulong offset = (ulong)address - (ulong)Address;
        iova = Iova + offset;
        return offset < Length && (uint)length <= Length - offset;
    }
}
