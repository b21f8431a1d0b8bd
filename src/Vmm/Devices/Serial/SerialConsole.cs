using System.Buffers;
using System.IO.Pipelines;

namespace Makatea.Vmm;

/// <summary>Carries what a serial port sends to a <see cref="PipeWriter"/> and what a <see cref="PipeReader"/> gives to the port, until it is disposed or the other side ends.</summary>
/// <remarks>A writer that is not read holds back the carrying alone: the port keeps what it keeps and the guest goes on.</remarks>
public sealed class SerialConsole : IAsyncDisposable
{
    private const int ChunkLength = 4096;

    private readonly SerialPort _port;
    private readonly SemaphoreSlim _sent = new(1);
    private readonly SemaphoreSlim _room = new(1);
    private readonly CancellationTokenSource _end = new();
    private readonly Task _output;
    private readonly Task _input;

    /// <summary>Starts to carry.</summary>
    /// <param name="port">The port; it has one console at a time.</param>
    /// <param name="output">Where its output goes; completed at the end.</param>
    /// <param name="input">Where its input comes from, or null; completed at the end.</param>
    public SerialConsole(SerialPort port, PipeWriter output, PipeReader? input)
    {
        ArgumentNullException.ThrowIfNull(port);
        ArgumentNullException.ThrowIfNull(output);
        _port = port;
        port.Sent += OnSent;
        port.HasRoom += OnRoom;
        _output = CarryOutput(output);
        _input = input is null ? Task.CompletedTask : CarryInput(input);
    }

    /// <summary>Ends when nothing is carried any more: the writer's reader went away, and the input ended.</summary>
    public Task Completion => Task.WhenAll(_output, _input);

    /// <summary>Stops to carry, behind what the port sent until now.</summary>
    public async ValueTask DisposeAsync()
    {
        _port.Sent -= OnSent;
        _port.HasRoom -= OnRoom;
        await _end.CancelAsync().ConfigureAwait(false);
        await Completion.ConfigureAwait(false);
        _end.Dispose(); // Not the semaphores: a vCPU may be about to signal, and they hold nothing.
    }

    private async Task CarryOutput(PipeWriter output)
    {
        Exception? fault = null;
        try
        {
            while (await Signalled(_sent).ConfigureAwait(false))
            {
                while (TakeInto(output))
                {
                    FlushResult flushed = await output.FlushAsync(_end.Token).ConfigureAwait(false);
                    if (flushed.IsCompleted)
                    {
                        await output.CompleteAsync().ConfigureAwait(false);
                        return;
                    }
                }
            }

            TakeRest(output);
        }
        catch (OperationCanceledException)
        {
            TakeRest(output); // The end came while the writer took no more.
        }
        catch (Exception e) when (e is IOException or InvalidOperationException)
        {
            fault = e;
        }

        await output.CompleteAsync(fault).ConfigureAwait(false);
    }

    private bool TakeInto(PipeWriter output)
    {
        int count = _port.Take(output.GetSpan(ChunkLength));
        output.Advance(count);
        return count != 0;
    }

    /// <summary>At the end nobody is waited for: what is left, which is bounded, goes into the writer's memory.</summary>
    private void TakeRest(PipeWriter output)
    {
        for (int taken = 0; taken < SerialPort.OutputCapacity && TakeInto(output); taken += ChunkLength)
        {
        }
    }

    private async Task CarryInput(PipeReader input)
    {
        Exception? fault = null;
        try
        {
            while (true)
            {
                ReadResult read = await input.ReadAsync(_end.Token).ConfigureAwait(false);
                ReadOnlySequence<byte> left = read.Buffer;
                while (!left.IsEmpty)
                {
                    int received = _port.Receive(left.FirstSpan);
                    left = left.Slice(received);
                    if (received == 0 && !await Signalled(_room).ConfigureAwait(false))
                    {
                        break;
                    }
                }

                input.AdvanceTo(left.Start);
                if (read.IsCompleted || _end.IsCancellationRequested)
                {
                    break;
                }
            }
        }
        catch (OperationCanceledException)
        {
            // The end.
        }
        catch (Exception e) when (e is IOException or InvalidOperationException)
        {
            fault = e;
        }

        await input.CompleteAsync(fault).ConfigureAwait(false);
    }

    /// <returns>False at the end.</returns>
    private async Task<bool> Signalled(SemaphoreSlim signal)
    {
        try
        {
            await signal.WaitAsync(_end.Token).ConfigureAwait(false);
            return true;
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }

    private void OnSent() => Signal(_sent);

    private void OnRoom() => Signal(_room);

    /// <summary>One signal is as good as many. Two threads at once make two, which is one look too many and no harm.</summary>
    private static void Signal(SemaphoreSlim signal)
    {
        if (signal.CurrentCount == 0)
        {
            signal.Release();
        }
    }
}
