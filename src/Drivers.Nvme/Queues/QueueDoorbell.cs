using System.Runtime.CompilerServices;
using Makatea.Platform;

namespace Makatea.Drivers.Nvme;

/// <summary>One doorbell: a register, or a word of memory with a register beside it for when the controller asks ([NVMe-2.1] Annex B.5).</summary>
internal sealed class QueueDoorbell(RegisterSpace register)
{
    private SharedMemory _shadow;
    private SharedMemory _eventIndex;
    private bool _hasShadow;
    private uint _last;

    /// <summary>Starts at index 0, with shadow memory or without. Nobody rings meanwhile.</summary>
    internal void Reset(ShadowDoorbells? shadows, int index)
    {
        _last = 0;
        _hasShadow = shadows is not null;
        if (shadows is not null)
        {
            (_shadow, _eventIndex) = shadows.Take(index);

            // What a queue before it asked for is not what this one asks for.
            _shadow.ReleaseUInt32(0, 0);
            _eventIndex.ReleaseUInt32(0, 0);
        }
    }

    /// <summary>Tells the controller the new tail or head.</summary>
    /// <returns>False where the controller had not asked for the register to be written.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal bool Ring(uint value)
    {
        if (_hasShadow && !MustWrite(value))
        {
            return false;
        }

        register.WriteUInt32(0, value);
        return true;
    }

    private bool MustWrite(uint value)
    {
        _shadow.ReleaseUInt32(0, value);

        // Pairs with the controller's fence between writing its event index and looking at the doorbell once more: one of the two sees the other.
        Interlocked.MemoryBarrier();
        ushort asked = (ushort)_eventIndex.AcquireUInt32(0);
        uint last = _last;
        _last = value;
        return (ushort)(value - asked - 1) < (ushort)(value - last);
    }
}
