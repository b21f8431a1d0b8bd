using System.Runtime.CompilerServices;

namespace Makatea.Drivers.Nvme;

/// <summary>
/// The outstanding commands of a queue. An identifier is a place in the table in 12 bits and a generation in 4, so that a completion of a command that completed before is
/// told from one of the command that took its place. What was sent is kept here, out of the controller's reach, to be sent again.
/// </summary>
internal sealed class CommandTable
{
    /// <summary>Most places.</summary>
    internal const int MaxSlots = 1 << PlaceBits;

    private const int PlaceBits = 12;
    private readonly CommandSlot[] _slots;
    private readonly SubmissionEntry[] _entries;
    private readonly int[] _free;
    private int _freeCount;

    internal CommandTable(int slots)
    {
        _slots = new CommandSlot[slots];
        _entries = new SubmissionEntry[slots];
        _free = [.. Enumerable.Range(0, slots)];
        _freeCount = slots;
    }

    internal int Capacity => _slots.Length;

    internal int InUse => _slots.Length - _freeCount;

    internal ref CommandSlot this[int slot] => ref _slots[slot];

    internal ref SubmissionEntry EntryOf(int slot) => ref _entries[slot];

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal bool TryRent(out int slot)
    {
        if (_freeCount == 0)
        {
            slot = -1;
            return false;
        }

        slot = _free[--_freeCount];
        return true;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal void Return(int slot)
    {
        _slots[slot].State = CommandState.Free;
        _free[_freeCount++] = slot;
    }

    /// <summary>Marks a command as sent, under a new identifier, which is put into its entry.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal void MarkSent(int slot, long now)
    {
        ref CommandSlot command = ref _slots[slot];
        command.State = CommandState.Sent;
        command.IsLate = false;
        command.Time = now;
        command.Generation = (ushort)(command.Generation + (1 << PlaceBits));
        ref SubmissionEntry entry = ref _entries[slot];
        entry.Command = (entry.Command & 0xffff) | ((uint)(command.Generation | slot) << 16);
    }

    internal ushort IdOf(int slot) => (ushort)(_slots[slot].Generation | slot);

    /// <summary>Finds the outstanding command with an identifier that the controller wrote.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal bool TryMatch(ushort id, out int slot)
    {
        slot = id & (MaxSlots - 1);
        CommandSlot[] slots = _slots;
        return (uint)slot < (uint)slots.Length && slots[slot].State == CommandState.Sent && (slots[slot].Generation | slot) == id;
    }
}
