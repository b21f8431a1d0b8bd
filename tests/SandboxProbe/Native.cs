using System.Runtime.InteropServices;
using System.Text;

namespace Makatea.SandboxProbe;

/// <summary>System calls by number, and what the probe tries with them. Results are <c>ok</c> or an error number.</summary>
internal static unsafe partial class Native
{
    public const long AtCurrentDirectory = -100;

    public static string Try(int number, long a = 0, long b = 0, long c = 0, long d = 0, long e = 0, long f = 0) => Result(Call(number, a, b, c, d, e, f));

    /// <summary>As <see cref="Try"/>; closes the descriptor that a success returns.</summary>
    public static string TryDescriptor(int number, long a = 0, long b = 0, long c = 0, long d = 0, long e = 0, long f = 0)
    {
        long fd = Call(number, a, b, c, d, e, f);
        string result = Result(fd);
        if (fd >= 0)
        {
            Call(3, fd);
        }

        return result;
    }

    public static string Open(string path, int flags, int mode = 0)
    {
        fixed (byte* p = Encoding.UTF8.GetBytes(path + '\0'))
        {
            return TryDescriptor(257, AtCurrentDirectory, (long)p, flags, mode);
        }
    }

    public static string Result(long value) => value >= 0 ? "ok" : Marshal.GetLastPInvokeError().ToString();

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    public static partial long Call(long number, long a = 0, long b = 0, long c = 0, long d = 0, long e = 0, long f = 0);
}
