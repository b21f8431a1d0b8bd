using System.Runtime.InteropServices;

namespace Makatea.Platform.Linux;

/// <summary>
/// A process to start and all that it is given. What is not here it does not have: no inherited environment, no inherited
/// descriptor, no path. <see cref="DotnetSandbox"/> fills in what a .NET program needs.
/// </summary>
public sealed record SandboxOptions
{
    /// <summary>Absolute path of the ELF executable. It and its ELF interpreter are readable and executable inside; nothing else is executable.</summary>
    public required string Executable { get; init; }

    /// <summary>Arguments after the program's name.</summary>
    public IReadOnlyList<string> Arguments { get; init; } = [];

    /// <summary>The whole environment.</summary>
    public IReadOnlyDictionary<string, string> Environment { get; init; } = new Dictionary<string, string>();

    /// <summary>
    /// The granted descriptors by the number that they get inside. 0, 1 and 2 are standard input, output and error; those not given
    /// are <c>/dev/null</c>. The caller keeps its own handles.
    /// </summary>
    public IReadOnlyDictionary<int, SafeHandle> Descriptors { get; init; } = new Dictionary<int, SafeHandle>();

    /// <summary>Absolute paths of files and directories that can be read inside, under the same names. They must exist.</summary>
    public IReadOnlyList<string> ReadOnlyPaths { get; init; } = [];

    /// <summary>Absolute path of the current directory inside.</summary>
    public string WorkingDirectory { get; init; } = "/";

    /// <summary>Resource limits.</summary>
    public SandboxLimits Limits { get; init; } = new();

    /// <summary>
    /// Whether it may set up io_uring. Operations on a ring do not pass the system call filter (they do pass Landlock and the namespaces):
    /// only for components that use it, which call <see cref="SandboxSeal.Apply"/> once their rings are made.
    /// </summary>
    public bool AllowIoUring { get; init; }

    /// <summary>The protections to put on; each that the kernel refuses is left out and reported, unless <see cref="Required"/>.</summary>
    public SandboxLayers Layers { get; init; } = SandboxLayers.All;

    /// <summary>The protections without which nothing is started.</summary>
    public SandboxLayers Required { get; init; } = SandboxLayers.NoNewPrivileges | SandboxLayers.Seccomp;

    /// <summary>User that a component of a starter who is root runs as, outside its user namespace. Not used for other starters.</summary>
    public uint UserId { get; init; } = 65534;

    /// <summary>Group to <see cref="UserId"/>.</summary>
    public uint GroupId { get; init; } = 65534;
}
