using System.Runtime.InteropServices;

namespace Makatea.Platform.Linux;

/// <summary>
/// The terminal on standard input, with every key handed on as it is pressed, Ctrl-C as well; as it was before when disposed or when the process ends. Not by way of
/// <c>stty</c>: .NET sets the terminal up anew whenever a process that it started ends.
/// </summary>
public sealed unsafe class RawTerminal : IDisposable
{
    private const int StandardInput = 0;
    private readonly byte[] _before;

    private RawTerminal(byte[] before)
    {
        _before = before;
        AppDomain.CurrentDomain.ProcessExit += OnExit;
    }

    /// <summary>Takes the terminal.</summary>
    /// <returns>Null where standard input is none.</returns>
    /// <exception cref="IOException">It cannot be set up.</exception>
    public static RawTerminal? Take()
    {
        byte[] before = new byte[Libc.TermiosBuffer];
        fixed (byte* termios = before)
        {
            if (Libc.TcGetAttr(StandardInput, termios) != 0)
            {
                return null;
            }
        }

        var terminal = new RawTerminal(before);
        byte[] raw = [.. before];
        fixed (byte* termios = raw)
        {
            Libc.CfMakeRaw(termios);
            if (Libc.TcSetAttr(StandardInput, Libc.TCSADRAIN, termios) != 0)
            {
                int errno = Marshal.GetLastPInvokeError();
                terminal.Dispose();
                throw LinuxError.Io("cannot set the terminal up", "tcsetattr", errno);
            }
        }

        return terminal;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        AppDomain.CurrentDomain.ProcessExit -= OnExit;
        Restore();
    }

    private void OnExit(object? sender, EventArgs e) => Restore();

    private void Restore()
    {
        fixed (byte* termios = _before)
        {
            _ = Libc.TcSetAttr(StandardInput, Libc.TCSADRAIN, termios); // The terminal may be gone.
        }
    }
}
