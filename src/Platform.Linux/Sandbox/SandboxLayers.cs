namespace Makatea.Platform.Linux;

/// <summary>The protections that a sandbox is made of, from the outside in.</summary>
[Flags]
public enum SandboxLayers
{
    /// <summary>None.</summary>
    None = 0,

    /// <summary>A user namespace of its own: whatever it is inside, it is nobody outside.</summary>
    UserNamespace = 1 << 0,

    /// <summary>A process namespace of its own: it sees and can signal no other process, and nothing that it starts outlives it.</summary>
    ProcessNamespace = 1 << 1,

    /// <summary>A root file system of its own that holds only <see cref="SandboxOptions.ReadOnlyPaths"/>, read-only.</summary>
    MountNamespace = 1 << 2,

    /// <summary>A network namespace of its own without an interface; also ends abstract UNIX sockets.</summary>
    NetworkNamespace = 1 << 3,

    /// <summary>System V IPC and POSIX message queues of its own.</summary>
    IpcNamespace = 1 << 4,

    /// <summary>A host name of its own.</summary>
    UtsNamespace = 1 << 5,

    /// <summary>A view of control groups that starts at its own.</summary>
    CgroupNamespace = 1 << 6,

    /// <summary>Resource limits: <see cref="SandboxLimits"/>.</summary>
    Limits = 1 << 7,

    /// <summary>Not the superuser: a starter that is root gives its components another user.</summary>
    Unprivileged = 1 << 8,

    /// <summary>
    /// No capability: inheritable, permitted, effective and ambient sets are empty, and the bounding set where the starter may empty it.
    /// With <see cref="NoNewPrivileges"/> there is no way to gain one.
    /// </summary>
    NoCapabilities = 1 << 9,

    /// <summary>It dies when the process that started it does.</summary>
    DiesWithParent = 1 << 10,

    /// <summary>No program gains privileges on <c>execve</c>.</summary>
    NoNewPrivileges = 1 << 11,

    /// <summary>Landlock: a second answer to "which files, which sockets, which processes", independent of namespaces.</summary>
    Landlock = 1 << 12,

    /// <summary>A filter that admits only the system calls that a component needs.</summary>
    Seccomp = 1 << 13,

    /// <summary>Everything.</summary>
    All = (1 << 14) - 1,
}
