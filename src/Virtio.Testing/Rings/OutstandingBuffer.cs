using System.Runtime.InteropServices;

namespace Makatea.Virtio.Testing;

/// <summary>What a driver ring keeps of a buffer that the device has, by its head descriptor or buffer ID.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct OutstandingBuffer
{
    public uint Token;

    /// <summary>Bytes that the device may write, at most 2^32 - 1.</summary>
    public uint Writable;

    /// <summary>Descriptors taken in the ring; 0 where the buffer is not outstanding.</summary>
    public ushort Slots;

    /// <summary>Split: last descriptor of the chain.</summary>
    public ushort Last;
}
