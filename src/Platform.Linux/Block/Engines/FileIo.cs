using System.Runtime.InteropServices;

namespace Makatea.Platform.Linux;

/// <summary>Does requests by system calls that return when they are done. One for each thread.</summary>
internal sealed class FileIo(BlockFile file) : IDisposable
{
    private BounceBuffer? _bounce;

    /// <summary>Does a request that passed <see cref="BlockFile.Check"/>.</summary>
    internal BlockStatus Execute(in BlockRequest request)
    {
        switch (request.Operation)
        {
            case BlockOperation.Read:
            case BlockOperation.Write:
                return Transfer(request);
            case BlockOperation.Flush:
                return Flush();
            case BlockOperation.Discard:
                return FileSpace.Discard(file, request);
            case BlockOperation.WriteZeroes:
            case BlockOperation.WriteZeroesUnmap:
                return FileSpace.WriteZeroes(file, request);
            case BlockOperation.SecureErase:
                return FileSpace.SecureErase(file, request);
            default:
                return BlockStatus.Unsupported;
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _bounce?.Dispose();

    /// <summary>Whether every piece of memory is aligned well enough for direct I/O.</summary>
    internal static bool IsAligned(ScatterList data, int alignment)
    {
        nint bits = 0;
        foreach (ref readonly MemorySegment segment in data.AsSpan())
        {
            bits |= segment.Address | segment.Length;
        }

        return (bits & (alignment - 1)) == 0;
    }

    private BlockStatus Transfer(in BlockRequest request)
    {
        long left = (long)request.SectorCount * BlockDevice.SectorSize;
        long offset = (long)request.Sector * BlockDevice.SectorSize;
        if (file.Traits.MemoryAlignment > 1 && !IsAligned(request.Data, file.Traits.MemoryAlignment))
        {
            _bounce ??= new BounceBuffer(file);
            return _bounce.Transfer(request);
        }

        bool isRead = request.Operation == BlockOperation.Read;
        long done = 0;
        while (done < left)
        {
            TransferLeg leg = TransferLeg.After(request.Data, done);
            nint count = Call(isRead, leg, offset + done);
            if (count > 0)
            {
                done += count;
            }
            else if (count == 0 || Marshal.GetLastSystemError() != Errno.EINTR)
            {
                // No bytes without an error: the file ends here, where it did not when it was measured.
                return BlockStatus.IoError;
            }
        }

        return BlockStatus.Ok;
    }

    private nint Call(bool isRead, in TransferLeg leg, long offset) => leg.Count == 0
        ? isRead
            ? Libc.PRead(file.Descriptor, leg.Address, (nuint)leg.Length, offset)
            : Libc.PWrite(file.Descriptor, leg.Address, (nuint)leg.Length, offset)
        : isRead
            ? Libc.PReadV(file.Descriptor, leg.Address, leg.Count, offset)
            : Libc.PWriteV(file.Descriptor, leg.Address, leg.Count, offset);

    private BlockStatus Flush()
    {
        if (file.FlushFailed)
        {
            return BlockStatus.IoError;
        }

        while (Libc.FDataSync(file.Descriptor) < 0)
        {
            if (Errno.Last != Errno.EINTR)
            {
                file.FlushFailed = true;
                return BlockStatus.IoError;
            }
        }

        return BlockStatus.Ok;
    }
}
