namespace Makatea.Platform;

/// <summary>One exit of a virtual processor. What the fields mean is said at each <see cref="VmExitKind"/>; what a kind does not name is 0.</summary>
public readonly struct VmExit
{
    /// <summary>Why the guest stopped.</summary>
    public VmExitKind Kind { get; init; }

    /// <summary>Bytes that the access moves: 1, 2 or 4 at a port, 1 to 8 in memory (a device may see 3, 5, 6 or 7 where an access straddles a page).</summary>
    public byte Width { get; init; }

    /// <summary>Out, or a store. In and loads are answered by <see cref="VirtualCpu.Complete"/>.</summary>
    public bool IsWrite { get; init; }

    /// <summary>The guest fetched an instruction there; <see cref="VmExitKind.MemoryFault"/> alone.</summary>
    public bool IsFetch { get; init; }

    /// <summary>The port, guest-physical address or number of the MSR.</summary>
    public ulong Address { get; init; }

    /// <summary>What is written, in the low bits, or the host's reason.</summary>
    public ulong Value { get; init; }

    /// <inheritdoc/>
    public override string ToString() => Kind switch
    {
        VmExitKind.Port => IsWrite ? $"out to port 0x{Address:x}, {Width} bytes: 0x{Value:x}" : $"in from port 0x{Address:x}, {Width} bytes",
        VmExitKind.Mmio => IsWrite ? $"store at 0x{Address:x}, {Width} bytes: 0x{Value:x}" : $"load at 0x{Address:x}, {Width} bytes",
        VmExitKind.MemoryFault => $"{(IsFetch ? "fetch" : IsWrite ? "store" : "load")} at 0x{Address:x}",
        VmExitKind.ReadMsr => $"rdmsr 0x{Address:x}",
        VmExitKind.WriteMsr => $"wrmsr 0x{Address:x}: 0x{Value:x}",
        VmExitKind.SystemEvent or VmExitKind.EntryFailure or VmExitKind.HostFailure or VmExitKind.UnknownInstruction => $"{Kind} 0x{Value:x}",
        _ => Kind.ToString(),
    };
}
