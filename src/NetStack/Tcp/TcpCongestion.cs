namespace Makatea.NetStack;

/// <summary>
/// The congestion window: slow start of [RFC 5681] 3.1 with bytes counted ([RFC 3465], L = 2) from ten segments ([RFC 6928]), then CUBIC ([RFC 9438]) with its region that is as fair as Reno, and fast
/// convergence.
/// </summary>
internal sealed class TcpCongestion
{
    private const double C = 0.4;
    private const double Beta = 0.7;
    private const double RenoAlpha = 3 * (1 - Beta) / (1 + Beta); // [RFC 9438] 4.3
    private const int InitialSegments = 10;
    private const int LeastSegments = 2;
    private const int Limit = 2;
    private const double MaximumWindow = 1 << 30;

    private int _segmentSize;
    private double _window;
    private double _largest; // Wmax, in bytes
    private double _reno; // West, in bytes
    private double _origin; // K, in seconds
    private long _epoch = -1;

    internal TcpCongestion(int segmentSize) => Begin(segmentSize);

    /// <summary>Bytes that may be on their way.</summary>
    internal int Window => (int)_window;

    internal int Threshold { get; private set; } = int.MaxValue;

    internal bool IsSlowStart => _window < Threshold;

    /// <summary>Begins with segments of a size, which the handshake settled.</summary>
    internal void Begin(int segmentSize)
    {
        _segmentSize = segmentSize;
        _window = InitialSegments * segmentSize;
    }

    internal void SetSegmentSize(int segmentSize) => _segmentSize = segmentSize;

    /// <summary>Grows for bytes that were acknowledged while the window was in use.</summary>
    internal void Acknowledge(int bytes, long now, int roundTrip)
    {
        if (IsSlowStart)
        {
            _window = Math.Min(_window + Math.Min(bytes, Limit * _segmentSize), MaximumWindow);
            return;
        }

        if (_epoch < 0)
        {
            _epoch = now;
            _reno = _window;
            _largest = Math.Max(_largest, _window);
            _origin = Math.Cbrt((_largest - _window) / _segmentSize / C);
        }

        double target = Cubic((now - _epoch + roundTrip) / 1000.0);
        _reno += RenoAlpha * _segmentSize * bytes / _window;
        if (Cubic((now - _epoch) / 1000.0) < _reno)
        {
            _window = Math.Max(_window, _reno);
        }
        else if (target > _window)
        {
            _window += (Math.Min(target, 1.5 * _window) - _window) * bytes / _window; // [RFC 9438] 4.4: over one round trip
        }

        _window = Math.Min(_window, MaximumWindow);
    }

    /// <summary>Shrinks for a loss that fast retransmit found ([RFC 9438] 4.6, 4.7).</summary>
    internal void Lose()
    {
        _largest = _window < _largest ? _window * (1 + Beta) / 2 : _window;
        Reduce();
        _window = Threshold;
    }

    /// <summary>Shrinks to a segment, for a timeout ([RFC 5681] 3.1). A timeout of the same segment again does not lower the threshold once more.</summary>
    internal void TimeOut(bool isFirst)
    {
        if (isFirst)
        {
            _largest = _window < _largest ? _window * (1 + Beta) / 2 : _window;
            Reduce();
        }

        _window = _segmentSize;
        _epoch = -1;
    }

    /// <summary>Starts again after nothing was sent for longer than a timeout ([RFC 5681] 4.1).</summary>
    internal void Restart()
    {
        _window = Math.Min(_window, InitialSegments * _segmentSize);
        _epoch = -1;
    }

    private double Cubic(double seconds)
    {
        double t = seconds - _origin;
        return (C * t * t * t * _segmentSize) + _largest;
    }

    private void Reduce()
    {
        Threshold = (int)Math.Max(_window * Beta, LeastSegments * _segmentSize);
        _epoch = -1;
    }
}
