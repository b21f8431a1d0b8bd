namespace Makatea.Platform.Linux;

/// <summary>
/// Resource limits of a sandboxed process (<c>setrlimit</c>), soft and hard alike. Null leaves the starter's limit, and none goes above the starter's hard limit.
/// </summary>
public sealed record SandboxLimits
{
    /// <summary>Highest file descriptor plus one.</summary>
    public ulong? OpenFiles { get; init; } = 512;

    /// <summary>
    /// Threads. Set only in a user namespace of its own: elsewhere the kernel counts all that the user runs.
    /// </summary>
    public ulong? Threads { get; init; } = 256;

    /// <summary>
    /// Address space in bytes. .NET reserves far more than it uses: give a framework-dependent program a heap limit
    /// (<c>DOTNET_GCHeapHardLimit</c>) before setting this.
    /// </summary>
    public ulong? AddressSpace { get; init; }

    /// <summary>Private writable memory in bytes; shared mappings such as guest memory do not count.</summary>
    public ulong? Data { get; init; }

    /// <summary>
    /// Locked memory in bytes, which includes buffers registered with io_uring and, since Linux 6.14, its rings. For these the kernel compares it with
    /// what all processes of the user have locked together.
    /// </summary>
    public ulong? LockedMemory { get; init; } = 8 * 1024 * 1024;

    /// <summary>Size in bytes to which a write may extend a file. Block images are files: the default is no limit of ours.</summary>
    public ulong? FileSize { get; init; }

    /// <summary>Size of a core dump in bytes. It would hold what the component's guests trusted it with: none by default.</summary>
    public ulong? CoreDump { get; init; } = 0;
}
