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

    private InterruptDelivery SetPin(int pin, bool asserted)
    {
        _asserted[pin] += asserted ? 1 : -1;
        if (!asserted || _asserted[pin] != 1)
        {
            return InterruptDelivery.Merged;
        }

        return (_entries[pin] & RedirectionBits.IsLevel) != 0 ? SendLevel(pin)
            : (_entries[pin] & RedirectionBits.IsMasked) == 0 ? Send(_entries[pin], isLevel: false)
            : InterruptDelivery.Refused;
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
    private InterruptDelivery SendLevel(int pin)
    {
        ulong entry = _entries[pin];
        if (_asserted[pin] == 0 || (entry & (RedirectionBits.IsLevel | RedirectionBits.IsMasked)) != RedirectionBits.IsLevel)
        {
            return InterruptDelivery.Refused;
        }

        if ((entry & RedirectionBits.RemoteIrr) != 0)
        {
            return InterruptDelivery.Merged;
        }

        InterruptDelivery result = Send(entry, isLevel: true);
        if (result != InterruptDelivery.Refused && Mode(entry) is DeliveryMode.Fixed or DeliveryMode.LowestPriority)
        {
            _entries[pin] = entry | RedirectionBits.RemoteIrr; // The others have no end.
        }

        return result;
    }

    private static DeliveryMode Mode(ulong entry) => (DeliveryMode)((entry >> RedirectionBits.DeliveryModeShift) & 7);

    private InterruptDelivery Send(ulong entry, bool isLevel)
    {
        DeliveryMode mode = Mode(entry);
        if (mode == DeliveryMode.StartUp)
        {
            return InterruptDelivery.Refused; // Reserved in an entry.
        }

        bool isLogical = (entry & RedirectionBits.IsLogical) != 0;
        var destination = (byte)(entry >> RedirectionBits.DestinationShift);
        return _bus.Deliver(new(InterruptRequest.Widen(destination, isLogical), isLogical, mode, (byte)entry, isLevel));
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
                    _ = owner.SetPin(pin, asserted);
                }
            }
        }

        public override InterruptDelivery Pulse()
        {
            lock (owner._lock)
            {
                if (_isAsserted)
                {
                    return InterruptDelivery.Merged;
                }

                InterruptDelivery result = owner.SetPin(pin, asserted: true);
                _ = owner.SetPin(pin, asserted: false);
                return result;
            }
        }
    }
}
