using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Makatea.Hostile;

/// <summary>What a peer can do to a descriptor that it shares with us.</summary>
internal static class PeerDescriptor
{
    private const int SetFlags = 4;
    private const int Block = 0;

    /// <summary>Most that can be added to an eventfd's count of 0; then every write waits.</summary>
    public const ulong FullCount = ulong.MaxValue - 1;

    /// <summary>Clears O_NONBLOCK, for everybody who has the open file.</summary>
    public static void MakeBlocking(SafeFileHandle descriptor) => Assert.Equal(0, Fcntl(descriptor, SetFlags, 0));

    /// <summary>Adds to an eventfd's count.</summary>
    public static void Add(SafeFileHandle eventfd, ulong count) => Assert.Equal(8, Write(eventfd, ref count, 8));

    /// <summary>Takes an eventfd's count.</summary>
    public static ulong Take(SafeFileHandle eventfd)
    {
        ulong count = 0;
        Assert.Equal(8, Read(eventfd, ref count, 8));
        return count;
    }

    /// <summary>Writes to a pipe that does not block until it is full.</summary>
    public static void FillPipe(SafeFileHandle pipe)
    {
        for (ulong bytes = 0; Write(pipe, ref bytes, 8) > 0;)
        {
        }
    }

    /// <summary>Blocks a signal on this thread.</summary>
    public static void BlockSignal(int signal) => Assert.Equal(0, SignalMask(Block, [1ul << (signal - 1), .. new ulong[15]], 0));

    [DllImport("libc", EntryPoint = "fcntl", SetLastError = true)]
    private static extern int Fcntl(SafeFileHandle descriptor, int command, nint argument);

    [DllImport("libc", EntryPoint = "read", SetLastError = true)]
    private static extern nint Read(SafeFileHandle descriptor, ref ulong value, nint length);

    [DllImport("libc", EntryPoint = "write", SetLastError = true)]
    private static extern nint Write(SafeFileHandle descriptor, ref ulong value, nint length);

    [DllImport("libc", EntryPoint = "pthread_sigmask")]
    private static extern int SignalMask(int how, ulong[] set, nint previous);
}
