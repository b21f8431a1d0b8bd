using System.Runtime.InteropServices;

namespace Makatea.Virtio.Testing;

/// <summary>One physically contiguous element of a buffer.</summary>
/// <param name="Address">Guest-physical address.</param>
/// <param name="Length">Length in bytes.</param>
[StructLayout(LayoutKind.Sequential)]
public readonly record struct GuestSegment(ulong Address, uint Length);
