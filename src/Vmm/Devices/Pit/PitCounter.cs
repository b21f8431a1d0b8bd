namespace Makatea.Vmm;

/// <summary>
/// A counter of an 8254: what it shows is worked out from the time that has passed since it was loaded, so that it is exact however rarely it is looked at. Modes 0, 2, 3 and 4; modes 1 and 5,
/// which a rising gate starts, count as those do whose output they share (0 and 4). Its owner's lock guards it.
/// </summary>
internal sealed partial class PitCounter
{
    /// <summary>Counts a second.</summary>
    public const long Frequency = 1_193_182;

    private const int CountMask = 0xffff;
    private const int LargestCount = 0x1_0000;

    private PitAccess _access = PitAccess.LowThenHigh;
    private int _mode;
    private bool _isBcd;
    private bool _gate = true;
    private bool _loaded;
    private int _reload = LargestCount;
    private long _start;
    private long _stoppedAt;
    private int _lowWritten = -1;
    private bool _highIsNext;
    private int _latchedCount = -1;
    private bool _latchedHighIsNext;
    private int _latchedStatus = -1;

    /// <summary>Whether it counts: it was loaded, and its gate is open.</summary>
    public bool IsCounting => _loaded && _gate;

    /// <summary>Whether its output goes up once every <see cref="Reload"/> counts, and not just once.</summary>
    public bool IsPeriodic => _mode is 2 or 3;

    /// <summary>What it counts down from: 1 to 65,536.</summary>
    public int Reload => _reload;

    /// <summary>When it was loaded.</summary>
    public long Start => _start;

    /// <summary>When it has counted a number of times since it was loaded: the first nanosecond in which <see cref="Ticks"/> says so.</summary>
    public long TimeOf(long ticks) => _start + (long)((((Int128)ticks * GuestClock.Second) + Frequency - 1) / Frequency);

    /// <summary>How often it has counted since it was loaded.</summary>
    public long Ticks(long now) => (long)((Int128)Math.Max(0, (_gate ? now : _stoppedAt) - _start) * Frequency / GuestClock.Second);

    /// <summary>OUT.</summary>
    public bool Output(long now)
    {
        if (!_loaded)
        {
            return _mode is not (0 or 1);
        }

        long ticks = Ticks(now);
        return _mode switch
        {
            0 or 1 => ticks >= _reload,
            2 => !_gate || ticks % _reload != _reload - 1,
            3 => !_gate || ticks % _reload < (_reload + 1) / 2,
            _ => ticks != _reload,
        };
    }

    /// <summary>Opens or closes the gate. Modes 2 and 3 begin anew when it opens, 0 and 4 go on.</summary>
    public void SetGate(bool open, long now)
    {
        if (open == _gate)
        {
            return;
        }

        if (!open)
        {
            _stoppedAt = now;
        }
        else
        {
            _start = _mode is 0 or 4 ? now - (_stoppedAt - _start) : now;
        }

        _gate = open;
    }

    /// <summary>A control word for this counter.</summary>
    public void Control(byte word, long now)
    {
        int access = (word >> PitControl.AccessShift) & 3;
        if (access == PitControl.Latch)
        {
            LatchCount(now);
            return;
        }

        int mode = (word >> PitControl.ModeShift) & 7;
        _mode = mode > 5 ? mode - 4 : mode; // 6 and 7 are 2 and 3.
        _access = (PitAccess)access;
        _isBcd = (word & PitControl.IsBcd) != 0;
        _loaded = false;
        _lowWritten = -1;
        _highIsNext = false;
        _latchedCount = -1;
        _latchedStatus = -1;
    }

    /// <summary>Keeps the count until it is read; a count that is kept already stays.</summary>
    public void LatchCount(long now)
    {
        if (_latchedCount < 0)
        {
            _latchedCount = Shown(now);
            _latchedHighIsNext = _access == PitAccess.High;
        }
    }

    /// <summary>Keeps the status until it is read.</summary>
    public void LatchStatus(long now)
    {
        if (_latchedStatus < 0)
        {
            _latchedStatus = (Output(now) ? PitControl.StatusOutput : 0) | (_loaded ? 0 : PitControl.StatusNullCount)
                | ((int)_access << PitControl.AccessShift) | (_mode << PitControl.ModeShift) | (_isBcd ? PitControl.IsBcd : 0);
        }
    }

    /// <summary>Reads its port: the status that is kept, then the count that is kept, then the count as it is.</summary>
    public byte Read(long now)
    {
        if (_latchedStatus >= 0)
        {
            var status = (byte)_latchedStatus;
            _latchedStatus = -1;
            return status;
        }

        if (_latchedCount >= 0)
        {
            int latched = _latchedCount;
            bool high = _latchedHighIsNext;
            if (_access == PitAccess.LowThenHigh && !high)
            {
                _latchedHighIsNext = true;
            }
            else
            {
                _latchedCount = -1;
            }

            return (byte)(high ? latched >> 8 : latched);
        }

        int count = Shown(now);
        bool isHigh = _access == PitAccess.High || (_access == PitAccess.LowThenHigh && _highIsNext);
        _highIsNext = _access == PitAccess.LowThenHigh && !isHigh;
        return (byte)(isHigh ? count >> 8 : count);
    }

    /// <summary>Writes its port.</summary>
    /// <returns>Whether the counter was loaded.</returns>
    public bool Write(byte value, long now)
    {
        int count = value;
        if (_access == PitAccess.High)
        {
            count <<= 8;
        }
        else if (_access == PitAccess.LowThenHigh)
        {
            if (_lowWritten < 0)
            {
                _lowWritten = value;
                return false;
            }

            count = (value << 8) | _lowWritten;
            _lowWritten = -1;
        }

        int reload = _isBcd ? FromBcd(count) : count;
        _reload = reload != 0 ? reload : _isBcd ? 10_000 : LargestCount;
        _start = now;
        _stoppedAt = now;
        _loaded = true;
        return true;
    }

    private int Shown(long now)
    {
        long ticks = _loaded ? Ticks(now) : 0;
        long count = _mode switch
        {
            2 => _reload - (ticks % _reload),
            3 => _reload - (2 * ticks % _reload),
            _ => _reload - ticks,
        };

        // Once it has passed 0 it goes on from the largest count.
        return _isBcd ? ToBcd((int)(((count % 10_000) + 10_000) % 10_000)) : (int)count & CountMask;
    }

    private static int FromBcd(int value) => (((value >> 12) * 1000) + ((value >> 8 & 0xf) * 100) + ((value >> 4 & 0xf) * 10) + (value & 0xf)) % 10_000;

    private static int ToBcd(int value) => (value / 1000 << 12) | (value / 100 % 10 << 8) | (value / 10 % 10 << 4) | (value % 10);
}
