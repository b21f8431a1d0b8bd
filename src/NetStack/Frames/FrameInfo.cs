using System.Runtime.InteropServices;
using Makatea.Platform;

namespace Makatea.NetStack;

/// <summary>What is known of a buffer of a <see cref="FramePool"/>, and in the first of a frame, of the frame.</summary>
[StructLayout(LayoutKind.Sequential, Size = 32)]
public struct FrameInfo
{
    /// <summary>Length of the frame in bytes, from the Ethernet header on: the sum of its parts. In the first part.</summary>
    public int Length;

    /// <summary>What a port left to do, or found out. In the first part.</summary>
    public NetFrameOffload Offload;

    /// <summary>Number of parts, from 1 to <see cref="FramePool.MaxParts"/>. In the first part.</summary>
    public ushort Parts;

    /// <summary>Bytes of this buffer that are filled.</summary>
    public ushort PartLength;

    /// <summary>The buffer of the next part; in the last part without meaning.</summary>
    internal int Next;

    /// <summary>Who has the buffer.</summary>
    internal short Owner;

    /// <summary>The frame has one part and asks for nothing.</summary>
    internal readonly bool IsPlain => (Offload.Flags | (NetFrameFlags)(Parts - 1)) == 0;
}
