namespace Makatea.Sel4;

/// <summary>What the allocator of untyped memory asks of the kernel.</summary>
internal interface IUntypedKernel
{
    /// <summary>Makes two untyped objects of half the size that fill an untyped object which has no children, with capabilities in two consecutive slots.</summary>
    bool Split(uint untyped, int childBits, uint firstChild);

    /// <summary>Deletes every object and capability that was made from an untyped object, wherever it is.</summary>
    bool Revoke(uint untyped);
}
