using System.Buffers;
using System.IO.Pipelines;
using System.Text;

namespace Makatea.Vmm.Tests;

public sealed class SerialConsoleTests
{
    private static readonly PipeOptions _small = new(pauseWriterThreshold: 4096, resumeWriterThreshold: 2048, useSynchronizationContext: false);

    private readonly SerialPort _port = new(InterruptLine.None);
    private readonly Pipe _output = new(_small);
    private readonly Pipe _input = new(_small);

    [Fact]
    public async Task Both_directions_are_carried()
    {
        await using SerialConsole console = new(_port, _output.Writer, _input.Reader);
        Task writing = _input.Writer.WriteAsync(Encoding.Latin1.GetBytes(new string('i', 1000) + "\n")).AsTask();
        StringBuilder echoed = new();
        while (!echoed.ToString().EndsWith('\n'))
        {
            if ((_port.Read(5, 1) & 1) != 0)
            {
                _port.Write(0, 1, _port.Read(0, 1)); // a guest that echoes
            }

            if (_output.Reader.TryRead(out ReadResult read))
            {
                echoed.Append(Encoding.Latin1.GetString(read.Buffer));
                _output.Reader.AdvanceTo(read.Buffer.End);
            }
        }

        await writing;
        Assert.Equal(new string('i', 1000) + "\n", echoed.ToString());
        Assert.Equal(0, _port.Lost);
    }

    [Fact]
    public async Task A_console_that_nobody_reads_does_not_hold_the_guest_and_costs_bounded_memory()
    {
        await using SerialConsole console = new(_port, _output.Writer, null);
        const int Flood = 1_000_000;
        for (int i = 0; i < Flood; i++)
        {
            _port.Write(0, 1, 'x');
        }

        Assert.InRange(_port.Lost, Flood - SerialPort.OutputCapacity - (4 * 4096), Flood - SerialPort.OutputCapacity);
    }

    [Fact]
    public async Task What_was_sent_before_the_end_arrives()
    {
        SerialConsole console = new(_port, _output.Writer, _input.Reader);
        byte[] sent = new byte[20_000];
        Random.Shared.NextBytes(sent);
        foreach (byte value in sent)
        {
            _port.Write(0, 1, value);
        }

        await console.DisposeAsync();
        ReadResult read = await _output.Reader.ReadAtLeastAsync(int.MaxValue / 2);
        Assert.True(read.IsCompleted);
        Assert.Equal(sent, read.Buffer.ToArray());
        _port.Write(0, 1, 1); // the guest goes on
    }

    [Fact]
    public async Task A_reader_that_goes_away_ends_the_console_and_not_the_guest()
    {
        await using SerialConsole console = new(_port, _output.Writer, null);
        await _output.Reader.CompleteAsync();
        while (!console.Completion.IsCompleted)
        {
            _port.Write(0, 1, 'x');
            await Task.Delay(1);
        }

        await console.Completion;
    }
}
