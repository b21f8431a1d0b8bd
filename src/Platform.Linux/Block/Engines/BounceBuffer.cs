using System.Runtime.InteropServices;

namespace Makatea.Platform.Linux;

/// <summary>
/// Aligned memory through which direct I/O goes whose own memory is not aligned, as some guests' (firmware, mostly) is not. Slow, and whole.
/// </summary>
internal sealed class BounceBuffer(BlockFile file) : IDisposable
{
    private const int Size = 256 * 1024;

    private readonly NativeArray<byte> _memory = new(Size);

    /// <summary>Does a read or write that passed <see cref="BlockFile.Check"/>.</summary>
    internal BlockStatus Transfer(in BlockRequest request)
    {
        long total = (long)request.SectorCount * BlockDevice.SectorSize;
        long offset = (long)request.Sector * BlockDevice.SectorSize;
        for (long done = 0; done < total;)
        {
            int part = (int)Math.Min(Size, total - done);
            if (request.Operation == BlockOperation.Write)
            {
                Copy(request.Data, done, part, toGuest: false);
            }

            if (!TransferPart(request.Operation == BlockOperation.Read, offset + done, part))
            {
                return BlockStatus.IoError;
            }

            if (request.Operation == BlockOperation.Read)
            {
                Copy(request.Data, done, part, toGuest: true);
            }

            done += part;
        }

        return BlockStatus.Ok;
    }

    /// <inheritdoc/>
    public void Dispose() => _memory.Dispose();

    private bool TransferPart(bool isRead, long offset, int length)
    {
        nint address = _memory.AsSegment().Address;
        int done = 0;
        while (done < length)
        {
            nint count = isRead
                ? Libc.PRead(file.Descriptor, address + done, (nuint)(length - done), offset + done)
                : Libc.PWrite(file.Descriptor, address + done, (nuint)(length - done), offset + done);
            if (count > 0)
            {
                done += (int)count;
            }
            else if (count == 0 || Marshal.GetLastSystemError() != Errno.EINTR)
            {
                return false;
            }
        }

        return true;
    }

    private void Copy(ScatterList data, long start, int length, bool toGuest)
    {
        int position = 0;
        foreach (ref readonly MemorySegment segment in data.AsSpan())
        {
            if (start >= segment.Length)
            {
                start -= segment.Length;
                continue;
            }

            int part = Math.Min(segment.Length - (int)start, length - position);
            Span<byte> memory = segment.AsSpan().Slice((int)start, part);
            Span<byte> bounce = _memory.AsSpan(position, part);
            (toGuest ? bounce : memory).CopyTo(toGuest ? memory : bounce);
            position += part;
            start = 0;
            if (position == length)
            {
                return;
            }
        }
    }
}
