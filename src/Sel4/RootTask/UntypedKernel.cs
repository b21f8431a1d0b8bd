namespace Makatea.Sel4;

/// <summary>The kernel, for <see cref="UntypedAllocator{TKernel}"/>.</summary>
internal readonly struct UntypedKernel : IUntypedKernel
{
    public bool Split(uint untyped, int childBits, uint firstChild) => CapabilitySpace.Retype(untyped, BoardValue.ObjectUntyped, childBits, firstChild, 2).IsDone;

    public bool Revoke(uint untyped) => CapabilitySpace.Revoke(untyped).IsDone;
}
