namespace Makatea.Vmm;

/// <summary>How a guest's instruction touches memory, as far as page tables care.</summary>
[Flags]
internal enum PageAccess
{
    /// <summary>A load by the guest's kernel.</summary>
    None = 0,

    /// <summary>A store.</summary>
    Write = 1 << 1,

    /// <summary>At privilege level 3.</summary>
    User = 1 << 2,

    /// <summary>An instruction's bytes.</summary>
    Fetch = 1 << 4,
}
