using System.Runtime.CompilerServices;
using Microsoft.Win32.SafeHandles;

namespace Makatea.Platform.Linux;

/// <summary>The open file below a device: what every engine knows of it, and the check that each request passes first.</summary>
internal sealed class BlockFile(SafeFileHandle handle, string name, FileTraits traits) : IDisposable
{
    private ulong _sectorCount = traits.SectorCount;
    private readonly uint _blockMask = ((uint)traits.BlockSize / BlockDevice.SectorSize) - 1;
    private volatile bool _flushFailed;
    private volatile bool _cannotPunch = !traits.CanPunch;
    private volatile bool _cannotZero;

    /// <summary>The descriptor. Queues hold a reference to it (<see cref="Hold"/>) and use <see cref="Descriptor"/>.</summary>
    internal SafeFileHandle Handle => handle;

    /// <summary>Number of the descriptor.</summary>
    internal int Descriptor { get; } = (int)handle.DangerousGetHandle();

    /// <summary>For messages.</summary>
    internal string Name => name;

    /// <summary>What was found out when the file was opened.</summary>
    internal FileTraits Traits => traits;

    /// <summary>Capacity in sectors of 512 bytes, as last seen.</summary>
    internal ulong SectorCount
    {
        get => Volatile.Read(ref _sectorCount);
        set => Volatile.Write(ref _sectorCount, value);
    }

    /// <summary>
    /// A flush failed: what was written before may be lost, and the kernel's next answer would not tell, as it reports an error once. So every later flush
    /// fails too. Not so with O_DIRECT, where the next one answers for itself.
    /// </summary>
    internal bool FlushFailed
    {
        get => _flushFailed;
        set => _flushFailed = value && !traits.IsDirect;
    }

    /// <summary>The file system was seen to refuse FALLOC_FL_PUNCH_HOLE.</summary>
    internal bool CannotPunch
    {
        get => _cannotPunch;
        set => _cannotPunch = value;
    }

    /// <summary>The file system was seen to refuse FALLOC_FL_ZERO_RANGE.</summary>
    internal bool CannotZero
    {
        get => _cannotZero;
        set => _cannotZero = value;
    }

    /// <summary>Keeps the descriptor open until <see cref="Release"/>.</summary>
    internal void Hold()
    {
        bool held = false;
        handle.DangerousAddRef(ref held);
    }

    /// <summary>Ends what <see cref="Hold"/> began.</summary>
    internal void Release() => handle.DangerousRelease();

    /// <summary>
    /// Whether the request may go to the file.
    /// </summary>
    /// <param name="request">The request.</param>
    /// <param name="writable">End of what can be written in sectors, kept by the caller over one batch; 0 at its start.</param>
    /// <returns><see cref="BlockStatus.Ok"/> if so, else how it ends.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal BlockStatus Check(in BlockRequest request, ref ulong writable)
    {
        switch (request.Operation)
        {
            case BlockOperation.Read:
                return Contains(request, SectorCount) && IsFilled(request) ? BlockStatus.Ok : BlockStatus.IoError;
            case BlockOperation.Write:
                return IsWritable(request, ref writable) && IsFilled(request) ? BlockStatus.Ok : BlockStatus.IoError;
            default:
                return CheckOther(request, ref writable);
        }
    }

    /// <summary>Whether the file is still as long as the device.</summary>
    internal bool IsWhole() => MeasureSectors() >= SectorCount;

    /// <inheritdoc/>
    public void Dispose() => handle.Dispose();

    private BlockStatus CheckOther(in BlockRequest request, ref ulong writable)
    {
        switch (request.Operation)
        {
            case BlockOperation.Flush:
                return BlockStatus.Ok;
            case BlockOperation.Discard:
                return !IsWritable(request, ref writable) ? BlockStatus.IoError : traits.DiscardGranularity != 0 ? BlockStatus.Ok : BlockStatus.Unsupported;
            case BlockOperation.WriteZeroes:
            case BlockOperation.WriteZeroesUnmap:
                return IsWritable(request, ref writable) ? BlockStatus.Ok : BlockStatus.IoError;
            case BlockOperation.SecureErase:
                return !IsWritable(request, ref writable) ? BlockStatus.IoError : traits.CanSecureErase ? BlockStatus.Ok : BlockStatus.Unsupported;
            default:
                return BlockStatus.Unsupported;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool IsWritable(in BlockRequest request, ref ulong writable)
    {
        if (writable == 0)
        {
            writable = MeasureWritable();
        }

        return Contains(request, writable);
    }

    /// <summary>
    /// A write beyond the end of a file makes it longer. If somebody cut the file off, that would give the guest a hole of zeroes where its data was and
    /// hide that it is gone, so what was cut off can neither be read nor written. One look at the size serves a batch.
    /// </summary>
    private ulong MeasureWritable()
    {
        if (traits.IsReadOnly)
        {
            return 0;
        }

        return Math.Min(SectorCount, MeasureSectors());
    }

    private ulong MeasureSectors() =>
        traits.CanShrink ? (ulong)Math.Max(Libc.LSeek(Descriptor, 0, Libc.SEEK_END), 0) / BlockDevice.SectorSize : ulong.MaxValue;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool Contains(in BlockRequest request, ulong end) =>
        request.Sector <= end && request.SectorCount <= end - request.Sector && (((uint)request.Sector | request.SectorCount) & _blockMask) == 0;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool IsFilled(in BlockRequest request)
    {
        ReadOnlySpan<MemorySegment> data = request.Data.AsSpan();
        long length = data.Length == 1 ? data[0].Length : request.Data.TotalLength();
        return length == (long)request.SectorCount * BlockDevice.SectorSize;
    }
}
