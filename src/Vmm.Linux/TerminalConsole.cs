using System.IO.Pipelines;
using Makatea.Platform.Linux;

namespace Makatea.Vmm.Linux;

/// <summary>Standard input and output as a qube's serial console, over all its resets. On a terminal every key is the guest's but Ctrl-], which ends the qube.</summary>
internal sealed class TerminalConsole : QubeConsole
{
    private const byte EndKey = 0x1d;

    private readonly RawTerminal? _terminal = RawTerminal.Take();
    private readonly Stream _input = Console.OpenStandardInput();
    private readonly Stream _output = Console.OpenStandardOutput();
    private readonly Action _endKey;
    private volatile PipeWriter? _current;

    /// <param name="endKey">Called when Ctrl-] is pressed.</param>
    public TerminalConsole(Action endKey)
    {
        _endKey = endKey;

        // A read of standard input cannot be taken back, so its thread outlives everything.
        new Thread(Read) { IsBackground = true, Name = "console" }.Start();
    }

    /// <inheritdoc/>
    public override SerialConsole Connect(SerialPort port)
    {
        var pipe = new Pipe();
        var console = new SerialConsole(port, PipeWriter.Create(_output, new StreamPipeWriterOptions(leaveOpen: true)), pipe.Reader);
        _current = pipe.Writer;
        return console;
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        _terminal?.Dispose();
        _output.Dispose();
    }

    private void Read()
    {
        byte[] bytes = new byte[256];
        int count;
        while ((count = _input.Read(bytes)) > 0)
        {
            if (_terminal is not null && bytes.AsSpan(0, count).Contains(EndKey))
            {
                _endKey();
                return;
            }

            // Where the guest reads nothing, this waits.
            PipeWriter? writer = _current;
            writer?.WriteAsync(bytes.AsMemory(0, count)).AsTask().GetAwaiter().GetResult();
        }
    }
}
