namespace Makatea.Vmm;

/// <content>Its pins: when an entry sends ([82093AA] 3.2.4 and 3.4). All under the lock.</content>
public sealed partial class IoApic
{
    private void WriteEntry(int pin, int shift, uint value)
    {
        ulong writable = ((ulong)uint.MaxValue << shift) & RedirectionBits.Writable;
        ulong entry = (_entries[pin] & ~writable) | (((ulong)value << shift) & writable);
        if ((entry & RedirectionBits.IsLevel) == 0)
        {
            // Remote IRR is of level pins: going to edge and back clears it, which is how drivers end interrupts where there is no EOI register.
            entry &= ~RedirectionBits.RemoteIrr;
        }

        _entries[pin] = entry;
        SendLevel(pin);
    }

    private void SetPin(int pin, bool asserted)
    {
        _asserted[pin] += asserted ? 1 : -1;
        if (!asserted || _asserted[pin] != 1)
        {
            return;
        }

        if ((_entries[pin] & RedirectionBits.IsLevel) != 0)
        {
            SendLevel(pin);
        }
        else if ((_entries[pin] & RedirectionBits.IsMasked) == 0)
        {
            _ = Send(_entries[pin], isLevel: false);
        }
    }

    private void EndUnderLock(byte vector)
    {
        for (int pin = 0; pin < PinCount; pin++)
        {
            ulong entry = _entries[pin];
            if ((entry & RedirectionBits.Vector) == vector && (entry & RedirectionBits.RemoteIrr) != 0)
            {
                _entries[pin] = entry & ~RedirectionBits.RemoteIrr;
                SendLevel(pin);
            }
        }
    }

    /// <summary>
    /// Sends a level pin's interrupt where the pin is asserted, and may: its last one has ended. Where nobody takes it, it is not under way, and is sent when the entry is written the next time.
    /// </summary>
    private void SendLevel(int pin)
    {
        const ulong Looked = RedirectionBits.IsLevel | RedirectionBits.IsMasked | RedirectionBits.RemoteIrr;
        ulong entry = _entries[pin];
        if (_asserted[pin] != 0 && (entry & Looked) == RedirectionBits.IsLevel && Send(entry, isLevel: true))
        {
            _entries[pin] = entry | RedirectionBits.RemoteIrr;
        }
    }

    /// <returns>Whether an end will be told.</returns>
    private bool Send(ulong entry, bool isLevel)
    {
        var mode = (DeliveryMode)((entry >> RedirectionBits.DeliveryModeShift) & 7);
        if (mode is DeliveryMode.StartUp)
        {
            return false; // Reserved in an entry.
        }

        bool isLogical = (entry & RedirectionBits.IsLogical) != 0;
        var destination = (byte)(entry >> RedirectionBits.DestinationShift);
        return _bus.Deliver(new(InterruptRequest.Widen(destination, isLogical), isLogical, mode, (byte)entry, isLevel))
            && mode is DeliveryMode.Fixed or DeliveryMode.LowestPriority;
    }

    /// <summary>One of the wires at a pin.</summary>
    private sealed class Line(IoApic owner, int pin) : InterruptLine
    {
        private bool _isAsserted;

        public override void Set(bool asserted)
        {
            lock (owner._lock)
            {
                if (_isAsserted != asserted)
                {
                    _isAsserted = asserted;
                    owner.SetPin(pin, asserted);
                }
            }
        }
    }
}
