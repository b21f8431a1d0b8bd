namespace Makatea.Drivers.Nvme;

/// <summary>A command of a queue, in one of as many places as may be outstanding.</summary>
internal struct CommandSlot
{
    /// <summary>The request that it is part of.</summary>
    internal int Tag;

    /// <summary>Bits 15:12 of its identifier, which change each time that it is sent.</summary>
    internal ushort Generation;

    internal CommandState State;

    /// <summary>How often it was tried again.</summary>
    internal byte Attempts;

    /// <summary>It took too long; its abort was asked for.</summary>
    internal bool IsLate;

    /// <summary>Its bounce buffer, or -1.</summary>
    internal int Bounce;

    /// <summary>How many bytes of data, with a bounce buffer.</summary>
    internal int Length;

    /// <summary>Where in the request's scatter list its data starts, with a bounce buffer.</summary>
    internal ScatterCursor Start;

    /// <summary>When it was sent, or when it is to be sent again: <see cref="Environment.TickCount64"/>.</summary>
    internal long Time;
}

/// <summary>Where a command is.</summary>
internal enum CommandState : byte
{
    /// <summary>Nowhere: the place is free.</summary>
    Free,

    /// <summary>With the controller.</summary>
    Sent,

    /// <summary>It failed in a way that may pass, and waits to be sent again.</summary>
    Waiting,
}
