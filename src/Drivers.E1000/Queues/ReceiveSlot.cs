using Makatea.Platform;

namespace Makatea.Drivers.E1000;

/// <summary>The driver's own record of a buffer that the controller has: it may write over the descriptor.</summary>
internal struct ReceiveSlot
{
    /// <summary>The user's memory, to be copied to; no address where the controller writes there itself.</summary>
    public MemorySegment CopyTo;

    /// <summary>The controller's address of it; not used where it is copied.</summary>
    public ulong Iova;

    /// <summary>The user's tag.</summary>
    public int Tag;
}
