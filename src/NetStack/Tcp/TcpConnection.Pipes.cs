using System.Buffers;
using System.IO.Pipelines;
using System.Runtime.CompilerServices;

namespace Makatea.NetStack;

// Between the pipes and the buffers. What does not fit waits in the pipe, and holds back who writes to it.
public sealed partial class TcpConnection
{
    private ConfiguredValueTaskAwaitable<ReadResult>.ConfiguredValueTaskAwaiter _reading;
    private ConfiguredValueTaskAwaitable<FlushResult>.ConfiguredValueTaskAwaiter _flushing;
    private bool _isReading;
    private bool _isFlushing;
    private bool _isInputUnwanted; // nobody reads any more
    private bool _isInputDone;
    private bool _isFinQueued;
    private bool _isFinReceived;

    /// <summary>Moves what was written into the send buffer, as far as there is room.</summary>
    private void PullOutput()
    {
        while (_state != TcpState.Closed && !_isReading && !_isFinQueued && _send.Free > 0)
        {
            _reading = _output.Reader.ReadAsync().ConfigureAwait(false).GetAwaiter();
            if (!_reading.IsCompleted)
            {
                _isReading = true;
                _reading.UnsafeOnCompleted(Written);
                return;
            }

            TakeOutput();
        }
    }

    // Runs on the forwarding thread, as the pipe's reader does.
    private void Written()
    {
        _isReading = false;
        if (_state == TcpState.Closed)
        {
            return; // its reader was completed
        }

        TakeOutput();
        PullOutput();
        if (_state is not TcpState.Closed and not TcpState.SynSent and not TcpState.SynReceived)
        {
            Transmit();
        }
    }

    private void TakeOutput()
    {
        ReadResult result;
        try
        {
            result = _reading.GetResult();
        }
        catch (Exception exception) when (exception is not OutOfMemoryException)
        {
            // Whoever wrote ended with a fault of its own: the peer is not to take that for the end.
            SendReset(_next);
            Fail(TcpFailure.Aborted, $"the connection was ended on this side: {exception.Message}");
            return;
        }

        ReadOnlySequence<byte> data = result.Buffer.Slice(0, Math.Min(result.Buffer.Length, _send.Free));
        foreach (ReadOnlyMemory<byte> piece in data)
        {
            _send.Add(piece.Span);
        }

        bool isAll = data.Length == result.Buffer.Length;
        _isFinQueued = isAll && result.IsCompleted;
        _output.Reader.AdvanceTo(data.End);
    }

    /// <summary>Moves what arrived in order into the pipe, until that is full.</summary>
    private void PushInput()
    {
        while (!_isFlushing && !_isInputDone && !_isInputUnwanted && _receive.Available > 0)
        {
            int count = _receive.Take(_input.Writer.GetSpan());
            _input.Writer.Advance(count);
            _flushing = _input.Writer.FlushAsync().ConfigureAwait(false).GetAwaiter();
            if (!_flushing.IsCompleted)
            {
                _isFlushing = true;
                _flushing.UnsafeOnCompleted(Flushed);
                return;
            }

            TakeFlush();
        }

        if (_isInputUnwanted)
        {
            _receive.Discard();
        }

        if (_isFinReceived && !_isFlushing && _receive.Available == 0)
        {
            CompleteInput(null);
        }
    }

    private void Flushed()
    {
        _isFlushing = false;
        TakeFlush();
        PushInput();
        if (_state != TcpState.Closed)
        {
            UpdateWindow();
        }
    }

    private void TakeFlush() => _isInputUnwanted |= _flushing.GetResult().IsCompleted;

    private void CompleteInput(TcpException? exception)
    {
        if (_isInputDone)
        {
            return;
        }

        _isInputDone = true;
        _input.Writer.Complete(exception);
        if (_receive.Ring.Length > 0)
        {
            _host.Return(_receive.Ring);
            _receive = new([], _receive.Next);
        }
    }
}
