using Makatea.Platform;

namespace Makatea.Drivers.Nvme;

/// <summary>A request between its submission and its completion: one command, or several one after the other.</summary>
internal struct RequestState
{
    internal ScatterList Data;

    /// <summary>Where the next command's data starts.</summary>
    internal ScatterCursor Cursor;

    internal ulong FirstBlock;

    /// <summary>Blocks; 1 for a flush.</summary>
    internal uint Blocks;

    /// <summary>Blocks for which commands were made.</summary>
    internal uint Issued;

    /// <summary>Commands that are outstanding.</summary>
    internal int Outstanding;

    internal NvmOpcode Opcode;

    /// <summary>Zeroes may be deallocated blocks.</summary>
    internal bool MayDeallocate;

    /// <summary>It waits in the queue of those that are not wholly issued.</summary>
    internal bool IsPending;

    /// <summary>It was accepted and has not completed.</summary>
    internal bool IsOpen;

    /// <summary>How the first command that failed ended, or success.</summary>
    internal NvmeStatus Status;

    internal readonly bool IsIssued => Issued == Blocks;

    /// <summary>Nothing more happens to it.</summary>
    internal readonly bool IsDone => Outstanding == 0 && Issued == Blocks && !IsPending;

    internal readonly BlockStatus Result => Status.Value == 0 ? BlockStatus.Ok : BlockStatus.IoError;

    /// <summary>Notes a failure; the rest is not issued any more.</summary>
    internal void Fail(NvmeStatus status)
    {
        Status = Status.Value == 0 ? status : Status;
        Issued = Blocks;
    }
}
