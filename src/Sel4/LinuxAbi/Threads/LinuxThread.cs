namespace Makatea.Sel4.LinuxAbi;

/// <summary>A thread of the program.</summary>
internal unsafe struct LinuxThread
{
    /// <summary>Its registers as it called, while it waits for the answer.</summary>
    internal Registers Registers;

    /// <summary>Slot of the kernel's thread.</summary>
    internal uint Slot;

    /// <summary>Its number for Linux; the first thread's is the process's, too.</summary>
    internal uint Id;

    internal bool IsAlive;

    /// <summary>It runs at the layer's priority, as a signal waits for it.</summary>
    internal bool IsRaised;

    /// <summary>It lets all others run first.</summary>
    internal bool IsLowered;

    /// <summary>The reply object that its call waits at; 0 where it waits for no answer.</summary>
    internal uint Reply;

    /// <summary>What it waits for.</summary>
    internal WaitKind Wait;

    /// <summary>When its waiting ends.</summary>
    internal ulong Deadline;

    /// <summary>Where the rest of its sleep is to be told; 0 for nowhere.</summary>
    internal ulong RestAddress;

    /// <summary>The futex that it waits at, and what it listens to.</summary>
    internal ulong FutexAddress;
    internal uint FutexMask;

    /// <summary>Neighbours in the order of waiting at futexes.</summary>
    internal LinuxThread* Next;
    internal LinuxThread* Previous;

    /// <summary>Cleared, and woken at, when it ends; 0 for nothing.</summary>
    internal ulong ClearAddress;

    /// <summary>Signals that are held back, and those that have arrived meanwhile, bit n - 1 for signal n.</summary>
    internal ulong Blocked;
    internal ulong Pending;

    /// <summary>Another stack for handlers that ask for it.</summary>
    internal ulong OtherStack;
    internal ulong OtherStackLength;
}

/// <summary>What a thread waits for in a call.</summary>
internal enum WaitKind : byte
{
    /// <summary>It does not wait.</summary>
    None,

    /// <summary>Somebody who wakes it at its futex.</summary>
    Futex,

    /// <summary>The time.</summary>
    Sleep,

    /// <summary>A file to be ready: its call is made again whenever one may be.</summary>
    File,
}
