using System.Runtime.InteropServices;

namespace Makatea.Virtio.Testing;

/// <summary>One request of the batch interface, with at most one piece of data.</summary>
/// <param name="Type">What to do.</param>
/// <param name="Sector">First sector of 512 bytes.</param>
/// <param name="Data">Guest memory to read from or write to; length 0 for none.</param>
/// <param name="Token">Given back with the completion.</param>
[StructLayout(LayoutKind.Auto)]
public readonly record struct BlkRequest(BlkRequestType Type, ulong Sector, GuestSegment Data, uint Token);

/// <summary>The end of a request.</summary>
/// <param name="Token">The request's token.</param>
/// <param name="Status">What the device wrote.</param>
/// <param name="Written">Bytes that the device says it wrote, the status among them.</param>
[StructLayout(LayoutKind.Auto)]
public readonly record struct BlkResult(uint Token, BlkStatus Status, uint Written);
