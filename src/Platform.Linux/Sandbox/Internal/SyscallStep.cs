using System.Runtime.InteropServices;

namespace Makatea.Platform.Linux.Sandboxing;

/// <summary>
/// One system call that <see cref="SpawnStub"/> makes in the new process, where no managed code can run.
/// The stub reads these offsets: a test holds them.
/// </summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct SyscallStep
{
    /// <summary>Value of <see cref="Result"/> before the step ran; no system call returns it.</summary>
    public const long NotRun = long.MinValue;

    public long Number;
    public fixed long Arguments[6];

    /// <summary>The step failed if its result is less (signed).</summary>
    public long Minimum;

    /// <summary>Where to store the low 32 bits of a successful result (an argument of a later step, say), or 0.</summary>
    public nint Patch;

    /// <summary>Distance in bytes to the next step after success.</summary>
    public long OnSuccess;

    /// <summary>Distance in bytes to the next step after a failure; 0 ends the process.</summary>
    public long OnFailure;

    /// <summary>What the kernel returned.</summary>
    public long Result;
}

/// <summary>What the stub is called with; the steps follow at <see cref="Size"/>.</summary>
[StructLayout(LayoutKind.Sequential, Size = Size)]
internal struct SpawnHeader
{
    public const int Size = 64;

    /// <summary>Flags of <c>clone</c>, with <c>CLONE_PIDFD</c>.</summary>
    public ulong CloneFlags;

    /// <summary>Signals to hold back until the new process has reset its handlers: all ones.</summary>
    public ulong BlockedSignals;

    /// <summary>The caller's signal mask, put back before the stub returns.</summary>
    public ulong SavedSignals;

    /// <summary>Receives the process descriptor.</summary>
    public int ProcessDescriptor;

    public int Padding;

    /// <summary>Address of the step that runs or ran last.</summary>
    public nint Current;

    /// <summary>Address of the step whose failure ended the process, or 0.</summary>
    public nint Failed;
}
