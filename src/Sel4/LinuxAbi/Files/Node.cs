namespace Makatea.Sel4.LinuxAbi;

/// <summary>What a path leads to.</summary>
internal enum Node : uint
{
    /// <summary>Nothing.</summary>
    None,
    Root,
    Proc,
    ProcSelf,
    Sys,
    Dev,
    Archive,
    LastDirectory = Archive,

    DevNull,
    DevZero,
    DevRandom,
    DevConsole,

    Maps,
    MountInfo,
    Groups,
    MemoryStatus,
    Statm,
    CommandLine,
    ProcessorsOnline,
    GroupMemoryMost,
    GroupMemoryNow,
    GroupMemoryStatus,
    LastText = GroupMemoryStatus,

    /// <summary>A link to the program.</summary>
    Program,

    /// <summary>Files of the archive: this plus the number of the grant.</summary>
    FirstArchived,
}
