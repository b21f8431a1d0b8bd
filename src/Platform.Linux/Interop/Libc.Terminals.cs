using System.Runtime.InteropServices;

namespace Makatea.Platform.Linux;

/// <summary>Calls to the C library on terminals.</summary>
internal static unsafe partial class Libc
{
    /// <summary>More than struct termios has on any Linux (60 bytes in glibc and musl). What is in it only the C library looks at.</summary>
    internal const int TermiosBuffer = 256;

    internal const int TCSADRAIN = 1;

    [LibraryImport(Library, EntryPoint = "tcgetattr", SetLastError = true)]
    internal static partial int TcGetAttr(int fd, byte* termios);

    [LibraryImport(Library, EntryPoint = "tcsetattr", SetLastError = true)]
    internal static partial int TcSetAttr(int fd, int when, byte* termios);

    [LibraryImport(Library, EntryPoint = "cfmakeraw")]
    internal static partial void CfMakeRaw(byte* termios);
}
