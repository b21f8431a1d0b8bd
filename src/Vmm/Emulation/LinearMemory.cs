using Makatea.Platform;

namespace Makatea.Vmm;

/// <summary>What lies at a linear address of up to 8 bytes: memory of the guest, in one page or two, or a device's register.</summary>
internal readonly ref struct LinearMemory
{
    /// <summary>Smallest page, in bytes.</summary>
    public const int PageSize = 4096;

    private readonly RegisterBus? _bus;
    private readonly ulong _register;
    private readonly Span<byte> _low;
    private readonly Span<byte> _high;
    private readonly int _width;

    private LinearMemory(RegisterBus bus, ulong register, int width)
    {
        _bus = bus;
        _register = register;
        _width = width;
    }

    private LinearMemory(Span<byte> low, Span<byte> high)
    {
        _low = low;
        _high = high;
        _width = low.Length + high.Length;
    }

    /// <summary>Translates an operand.</summary>
    /// <param name="memory">The guest's memory.</param>
    /// <param name="bus">Who answers where it has none.</param>
    /// <param name="registers">The processor.</param>
    /// <param name="linear">Where the operand starts.</param>
    /// <param name="width">1, 2, 4 or 8 bytes.</param>
    /// <param name="isWrite">It is stored to.</param>
    /// <param name="place">What is there.</param>
    /// <param name="fault">Where there is nothing: the address and error code of the guest's page fault.</param>
    /// <returns>How it went; <see cref="PageWalkResult.TablesOutsideMemory"/> also for an operand that is part memory and part not.</returns>
    public static PageWalkResult Find(
        GuestMemory memory, RegisterBus bus, OperandRegisters registers, ulong linear, int width, bool isWrite, out LinearMemory place, out (ulong Address, uint ErrorCode) fault)
    {
        place = default;
        PageAccess access = (isWrite ? PageAccess.Write : 0) | (registers.IsUser ? PageAccess.User : 0);
        int first = Math.Min(width, PageSize - (int)(linear & (PageSize - 1)));
        fault = (linear, 0);
        PageWalkResult result = PageWalk.Translate(memory, registers.System, registers.General.Rflags, linear, access, out ulong physical, out fault.ErrorCode);
        if (result != PageWalkResult.Done)
        {
            return result;
        }

        MemoryAccess right = isWrite ? MemoryAccess.Write : MemoryAccess.Read;
        bool isMemory = memory.TryTranslate(physical, first, right, out MemorySegment low);
        if (first == width)
        {
            place = isMemory ? new LinearMemory(low.AsSpan(), default) : new LinearMemory(bus, physical, width);
            return PageWalkResult.Done;
        }

        fault.Address = linear + (uint)first;
        fault.Address = registers.Is64Bit ? fault.Address : (uint)fault.Address;
        result = PageWalk.Translate(memory, registers.System, registers.General.Rflags, fault.Address, access, out physical, out fault.ErrorCode);
        if (result != PageWalkResult.Done)
        {
            return result;
        }

        if (!isMemory || !memory.TryTranslate(physical, width - first, right, out MemorySegment high))
        {
            return PageWalkResult.TablesOutsideMemory;
        }

        place = new LinearMemory(low.AsSpan(), high.AsSpan());
        return PageWalkResult.Done;
    }

    /// <summary>Loads it.</summary>
    public ulong Load()
    {
        if (_bus is not null)
        {
            return _bus.Read(_register, _width);
        }

        Span<byte> bytes = stackalloc byte[sizeof(ulong)];
        bytes.Clear();
        _low.CopyTo(bytes);
        _high.CopyTo(bytes[_low.Length..]);
        return System.Buffers.Binary.BinaryPrimitives.ReadUInt64LittleEndian(bytes);
    }

    /// <summary>Stores it.</summary>
    public void Store(ulong value)
    {
        if (_bus is not null)
        {
            _bus.Write(_register, _width, value);
            return;
        }

        Span<byte> bytes = stackalloc byte[sizeof(ulong)];
        System.Buffers.Binary.BinaryPrimitives.WriteUInt64LittleEndian(bytes, value);
        bytes[.._low.Length].CopyTo(_low);
        bytes[_low.Length.._width].CopyTo(_high);
    }
}
