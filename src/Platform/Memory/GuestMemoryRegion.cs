namespace Makatea.Platform;

/// <summary>
/// One piece of a guest's memory: <paramref name="Length"/> bytes at guest-physical address <paramref name="GuestAddress"/>,
/// found at <paramref name="Offset"/> of <paramref name="Memory"/>.
/// </summary>
/// <param name="GuestAddress">Guest-physical address (or IOVA) of the first byte.</param>
/// <param name="UserAddress">Address of the first byte in the front end's own address space; vhost-user names rings by it.</param>
/// <param name="Length">Length in bytes, not 0.</param>
/// <param name="Memory">The mapping.</param>
/// <param name="Offset">Where in the mapping the region starts.</param>
/// <param name="Access">What the guest granted.</param>
public sealed record GuestMemoryRegion(
    ulong GuestAddress,
    ulong UserAddress,
    ulong Length,
    MappedMemory Memory,
    ulong Offset,
    MemoryAccess Access = MemoryAccess.ReadWrite);
