namespace Makatea.NvmeModel;

/// <summary>A command that the model takes from an I/O queue.</summary>
public readonly record struct ModelIo(int Queue, ushort Id, byte Opcode, uint Namespace, ulong Block, uint Blocks);

/// <summary>What the model does with it.</summary>
public enum ModelFault
{
    /// <summary>Does it and completes it.</summary>
    None,

    /// <summary>Does it and writes no completion.</summary>
    LoseCompletion,

    /// <summary>Does not do it, and completes it only when it is aborted.</summary>
    Hold,

    /// <summary>Completes another identifier, far outside of what is outstanding.</summary>
    UnknownId,

    /// <summary>Completes it twice.</summary>
    CompleteTwice,

    /// <summary>Completes it in the name of another queue.</summary>
    WrongQueue,

    /// <summary>Completes it with a head beyond the queue.</summary>
    WrongHead,

    /// <summary>Completes it, and turns the phase of every entry of the completion queue.</summary>
    FlipPhases,

    /// <summary>Completes it and raises no interrupt.</summary>
    LoseInterrupt,

    /// <summary>Reports fatal status and does nothing any more.</summary>
    Die,
}
