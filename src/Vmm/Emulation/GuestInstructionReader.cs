using Iced.Intel;
using Makatea.Platform;

namespace Makatea.Vmm;

/// <summary>The bytes at a guest's instruction pointer.</summary>
internal sealed class GuestInstructionReader : CodeReader
{
    /// <summary>Longest instruction ([SDM] 2A 2.3.11).</summary>
    public const int MaxLength = 15;

    private readonly byte[] _bytes = new byte[MaxLength];
    private int _length;
    private int _at;

    /// <summary>What was read.</summary>
    public ReadOnlySpan<byte> Bytes => _bytes.AsSpan(0, _length);

    /// <summary>Reads what is at RIP, to the end of the longest instruction or of what the guest has there.</summary>
    public void Fetch(GuestMemory memory, OperandRegisters registers)
    {
        _at = 0;
        _length = 0;
        ulong linear = registers.Base(Register.CS) + registers.General.Rip;
        PageAccess access = PageAccess.Fetch | (registers.IsUser ? PageAccess.User : 0);
        while (_length < MaxLength)
        {
            ulong at = linear + (uint)_length;
            at = registers.Is64Bit ? at : (uint)at;
            int part = Math.Min(MaxLength - _length, LinearMemory.PageSize - (int)(at & (LinearMemory.PageSize - 1)));
            if (PageWalk.Translate(memory, registers.System, registers.General.Rflags, at, access, out ulong physical, out _) != PageWalkResult.Done
                || !memory.TryTranslate(physical, part, MemoryAccess.Read, out MemorySegment segment))
            {
                break;
            }

            segment.AsSpan().CopyTo(_bytes.AsSpan(_length));
            _length += part;
        }
    }

    /// <inheritdoc/>
    public override int ReadByte() => _at < _length ? _bytes[_at++] : -1;
}
