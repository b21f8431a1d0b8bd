using System.Text;
using Makatea.Vmm;

namespace Makatea.Sel4.Programs;

/// <summary>Writes what a guest sends on its serial port to the console, line by line. A guest that sends faster than the console takes loses what the port cannot keep.</summary>
internal sealed class ConsoleLines : IDisposable
{
    private const int LongestLine = 240;

    private readonly SerialPort _port;
    private readonly Action<string> _write;
    private readonly ManualResetEventSlim _sent = new(false, 0);
    private readonly StringBuilder _line = new();
    private readonly Thread _thread;
    private volatile bool _isOver;

    public ConsoleLines(SerialPort port, Action<string> write)
    {
        _port = port;
        _write = write;
        port.Sent += _sent.Set;
        _thread = new Thread(Carry) { IsBackground = true, Name = "console" };
        _thread.Start();
    }

    /// <summary>Writes what was sent until now, and no more.</summary>
    public void Finish()
    {
        _isOver = true;
        _sent.Set();
        _thread.Join();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _port.Sent -= _sent.Set;
        Finish();
        _sent.Dispose();
    }

    private void Carry()
    {
        Span<byte> bytes = stackalloc byte[1024];
        while (true)
        {
            // What is sent after this is seen at the next turn.
            _sent.Reset();
            bool isLast = _isOver;
            for (int count = _port.Take(bytes); count > 0; count = _port.Take(bytes))
            {
                Add(bytes[..count]);
            }

            if (isLast)
            {
                EndLine();
                return;
            }

            if (!_isOver)
            {
                _sent.Wait();
            }
        }
    }

    private void Add(ReadOnlySpan<byte> bytes)
    {
        foreach (byte one in bytes)
        {
            if (one == (byte)'\n' || _line.Length == LongestLine)
            {
                EndLine();
            }

            if (one is not ((byte)'\n' or (byte)'\r'))
            {
                _line.Append((char)one);
            }
        }
    }

    private void EndLine()
    {
        if (_line.Length != 0)
        {
            _write(_line.ToString());
            _line.Clear();
        }
    }
}
