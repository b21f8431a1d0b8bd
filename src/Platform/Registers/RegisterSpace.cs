using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;

namespace Makatea.Platform;

/// <summary>
/// A bounded range of device registers: a BAR, or a part of one. Every access is done exactly once, with the width of its name, in program order, and is checked
/// against the bounds and for alignment. Registers are little-endian.
/// </summary>
/// <remarks>
/// Mapped registers cost a call and no virtual one. A function that was removed reads as all ones, or as zeroes where the host had to put memory in its place: drivers
/// check a register that can be neither.
/// </remarks>
public readonly struct RegisterSpace
{
    private readonly ulong _base;
    private readonly ulong _length;
    private readonly RegisterBus? _bus;

    private RegisterSpace(ulong address, ulong length, RegisterBus? bus)
    {
        _base = address;
        _length = length;
        _bus = bus;
    }

    /// <summary>Length in bytes.</summary>
    public ulong Length => _length;

    /// <summary>
    /// Registers mapped at <paramref name="address"/>. Safe if and only if they stay mapped, readable and writable, for as long as the space is used. For
    /// Platform and its hosts alone, and for models in tests.
    /// </summary>
    public static RegisterSpace UnsafeCreate(nint address, ulong length) => new((ulong)address, length, null);

    /// <summary>Registers at <paramref name="address"/> of a bus.</summary>
    /// <exception cref="ArgumentException">The range wraps.</exception>
    public static RegisterSpace OnBus(RegisterBus bus, ulong address, ulong length)
    {
        ArgumentNullException.ThrowIfNull(bus);
        return length == 0 || address + (length - 1) >= address
            ? new(address, length, bus)
            : throw new ArgumentException($"{length} bytes at 0x{address:x} wrap", nameof(length));
    }

    /// <summary>A part of the space.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The part is not inside the space.</exception>
    public RegisterSpace Slice(ulong offset, ulong length) => offset <= _length && length <= _length - offset
        ? new(_base + offset, length, _bus)
        : throw new ArgumentOutOfRangeException(nameof(offset), $"{length} bytes at 0x{offset:x} of a register space of {_length}");

    /// <summary>Reads 8 bits.</summary>
    public byte ReadByte(ulong offset) =>
        _bus is { } bus ? (byte)bus.Read(At(offset, 1), 1) : RegisterAccess.Read8((nint)At(offset, 1));

    /// <summary>Reads 16 bits.</summary>
    public ushort ReadUInt16(ulong offset) =>
        _bus is { } bus ? (ushort)bus.Read(At(offset, 2), 2) : RegisterAccess.Read16((nint)At(offset, 2));

    /// <summary>Reads 32 bits.</summary>
    public uint ReadUInt32(ulong offset) =>
        _bus is { } bus ? (uint)bus.Read(At(offset, 4), 4) : RegisterAccess.Read32((nint)At(offset, 4));

    /// <summary>Reads 64 bits at once.</summary>
    public ulong ReadUInt64(ulong offset) =>
        _bus is { } bus ? bus.Read(At(offset, 8), 8) : RegisterAccess.Read64((nint)At(offset, 8));

    /// <summary>Writes 8 bits.</summary>
    public void WriteByte(ulong offset, byte value)
    {
        if (_bus is { } bus)
        {
            bus.Write(At(offset, 1), 1, value);
            return;
        }

        RegisterAccess.Write8((nint)At(offset, 1), value);
    }

    /// <summary>Writes 16 bits.</summary>
    public void WriteUInt16(ulong offset, ushort value)
    {
        if (_bus is { } bus)
        {
            bus.Write(At(offset, 2), 2, value);
            return;
        }

        RegisterAccess.Write16((nint)At(offset, 2), value);
    }

    /// <summary>Writes 32 bits.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void WriteUInt32(ulong offset, uint value)
    {
        if (_bus is { } bus)
        {
            bus.Write(At(offset, 4), 4, value);
            return;
        }

        RegisterAccess.Write32((nint)At(offset, 4), value);
    }

    /// <summary>Writes 64 bits at once.</summary>
    public void WriteUInt64(ulong offset, ulong value)
    {
        if (_bus is { } bus)
        {
            bus.Write(At(offset, 8), 8, value);
            return;
        }

        RegisterAccess.Write64((nint)At(offset, 8), value);
    }

    [DoesNotReturn]
    private static void ThrowOutside(ulong offset, int width, ulong length) =>
        throw new ArgumentOutOfRangeException(nameof(offset), $"{width} bytes at 0x{offset:x} of a register space of {length}: outside or not aligned");

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private ulong At(ulong offset, int width)
    {
        // Written so that neither side can wrap.
        if (offset >= _length || _length - offset < (ulong)width || (offset & ((ulong)width - 1)) != 0)
        {
            ThrowOutside(offset, width, _length);
        }

        return _base + offset;
    }
}
