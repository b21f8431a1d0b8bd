namespace Makatea.Sel4.LinuxAbi;

/// <summary>Why a system call failed, as its result says it.</summary>
internal static class Errno
{
    internal const long NotPermitted = -1;
    internal const long NoEntry = -2;
    internal const long NoProcess = -3;
    internal const long Interrupted = -4;
    internal const long NotOpen = -9;
    internal const long Again = -11;
    internal const long NoMemory = -12;
    internal const long Fault = -14;
    internal const long Busy = -16;
    internal const long NoDevice = -19;
    internal const long NotDirectory = -20;
    internal const long IsDirectory = -21;
    internal const long Invalid = -22;
    internal const long TooManyOpen = -24;
    internal const long NotTerminal = -25;
    internal const long IllegalSeek = -29;
    internal const long ReadOnly = -30;
    internal const long BrokenPipe = -32;
    internal const long Range = -34;
    internal const long NameTooLong = -36;
    internal const long NotImplemented = -38;
    internal const long TimedOut = -110;
}
