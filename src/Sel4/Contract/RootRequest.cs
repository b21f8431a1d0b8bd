namespace Makatea.Sel4;

/// <summary>
/// What a component may ask of the root task, by a call at <see cref="ComponentLayout.RootSlot"/>: the label of the message. Words are those of the message; the answer's label is a
/// <see cref="RootAnswer"/>, its words the result. Four words pass in registers, so a call needs no IPC buffer.
/// </summary>
public enum RootRequest : ulong
{
    /// <summary>The component ends. Word 0: why (<see cref="ExitReason"/>); word 1: the instruction, word 2: by reason, word 3: the thread.</summary>
    Exit = 0x100,

    /// <summary>Rings of a doorbell, or interrupts, are heard at a waiter from now on. Word 0: the grant's kind; word 1: its number; word 2: the waiter's number; word 3: the bit, 0 to 61. Rings before are lost: look once.</summary>
    Listen,

    /// <summary>Nobody hears them any more. Words 0 and 1 as above.</summary>
    Ignore,

    /// <summary>Reads configuration space. Word 0: number of the function; word 1: offset; word 2: width, 1, 2 or 4. Result: the value.</summary>
    ReadConfig,

    /// <summary>Writes configuration space; what the component may not choose stays as it is. Words as above; word 3: the value.</summary>
    WriteConfig,

    /// <summary>Resets a function by itself (word 0: its number), which takes 100 ms: DMA and interrupts are off afterwards, its registers where they were. <see cref="RootAnswer.State"/> where it has no such reset.</summary>
    ResetFunction,

    /// <summary>Starts a component (word 0: its number). Needs <see cref="GrantKind.Management"/>, as do all that follow.</summary>
    Start,

    /// <summary>Ends a component; nothing of it is left.</summary>
    Stop,

    /// <summary>Ends a component and starts it again.</summary>
    Restart,

    /// <summary>Takes a component's processor time.</summary>
    Suspend,

    /// <summary>Gives it back.</summary>
    Resume,

    /// <summary>Gives running components what they share by a connection (word 0: its number).</summary>
    Connect,

    /// <summary>Takes it from them.</summary>
    Disconnect,

    /// <summary>Result: word 0 the state of a component (<see cref="ComponentState"/>), word 1 how often it was started, word 2 bytes of memory that nobody has, word 3 empty slots of the root task.</summary>
    Query,

    /// <summary>Result: word 0 microseconds of processor time that a component took since it was started, word 1 how often it had to stand still because its threads took more than its budget together.</summary>
    Usage,
}

/// <summary>Why a component ends itself.</summary>
public enum ExitReason : ulong
{
    /// <summary>All is well.</summary>
    Done,

    /// <summary>The program ended with a status other than 0: word 2.</summary>
    Status,

    /// <summary>A signal ended it (word 2, Linux's number), or a fault that becomes one: the address is said on the console.</summary>
    Signal,

    /// <summary>There was no page left for the address in word 2.</summary>
    Memory,

    /// <summary>The layer cannot start it, or cannot go on: word 2 says where.</summary>
    Layer,
}

/// <summary>What became of a request.</summary>
public enum RootAnswer : ulong
{
    /// <summary>It was done.</summary>
    Done,

    /// <summary>There is no such request.</summary>
    Unknown,

    /// <summary>A number or a value is not one that the component may name.</summary>
    Invalid,

    /// <summary>The component may not ask this.</summary>
    Denied,

    /// <summary>Not in the state that something is in.</summary>
    State,

    /// <summary>There is no memory, or no slot.</summary>
    Memory,

    /// <summary>The kernel refused.</summary>
    Kernel,
}

/// <summary>What a component is doing.</summary>
public enum ComponentState : ulong
{
    /// <summary>It was not started, or it was stopped.</summary>
    Stopped,

    /// <summary>It runs.</summary>
    Running,

    /// <summary>It has no processor time.</summary>
    Suspended,

    /// <summary>It ended by itself and all was well.</summary>
    Ended,

    /// <summary>It was ended for a fault.</summary>
    Failed,
}
