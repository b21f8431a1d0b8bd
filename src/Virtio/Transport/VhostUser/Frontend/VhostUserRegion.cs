namespace Makatea.Virtio;

/// <summary>A piece of a guest's memory as it is handed to a back end (section "Memory region description").</summary>
/// <param name="GuestAddress">Guest address of the first byte.</param>
/// <param name="UserAddress">Its address in the front end's own address space, by which rings are named.</param>
/// <param name="Length">Length in bytes.</param>
/// <param name="Offset">Where in the object that is granted it starts.</param>
public readonly record struct VhostUserRegion(ulong GuestAddress, ulong UserAddress, ulong Length, ulong Offset);
