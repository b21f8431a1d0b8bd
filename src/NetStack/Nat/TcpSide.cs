using System.Runtime.InteropServices;

namespace Makatea.NetStack;

/// <summary>What is known of one side of a TCP connection, in sequence numbers of that side (all modulo 2^32).</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct TcpSide
{
    /// <summary>Largest scale of windows ([RFC 7323] 2.3).</summary>
    internal const int MaxScale = 14;

    /// <summary>End of what it sent: the largest sequence number + 1.</summary>
    public uint End;

    /// <summary>End of what the other side allowed it to send.</summary>
    public uint MaxEnd;

    /// <summary>Largest window that it offered, in bytes; 0 until it was heard.</summary>
    public uint MaxWindow;

    /// <summary>What the other side acknowledged.</summary>
    public uint Acked;

    /// <summary>Its windows are to be shifted by this.</summary>
    public byte Scale;

    /// <summary>Facts.</summary>
    public TcpSideFlags Flags;
}

/// <summary>Facts about a side.</summary>
[Flags]
internal enum TcpSideFlags : byte
{
    None = 0,

    /// <summary>Its SYN has the window scale option.</summary>
    HasScale = 1 << 0,

    /// <summary>It sent FIN, which is the last that it sent.</summary>
    Fin = 1 << 1,

    /// <summary>The FIN was acknowledged.</summary>
    FinAcked = 1 << 2,

    /// <summary>After a restart, until a segment fits: those that do not fit are let through.</summary>
    Relearn = 1 << 3,

    All = HasScale | Fin | FinAcked | Relearn,
}
