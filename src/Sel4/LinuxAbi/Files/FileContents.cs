namespace Makatea.Sel4.LinuxAbi;

/// <summary>What is in open files, by their kind.</summary>
internal static unsafe class FileContents
{
    private const uint BrokenPipe = 13;

    /// <summary>Reads from a place on; of what has none, what comes next.</summary>
    /// <returns>How many bytes, or an error; <see cref="Errno.Again"/> where there is nothing yet.</returns>
    internal static long Read(OpenFile* file, ulong offset, ulong address, ulong length)
    {
        // What is touched is given a page: no more than can be filled.
        const ulong Most = 1 << 20;
        length = length < Most ? length : Most;
        switch (file->Kind)
        {
            case FileKind.Null or FileKind.Console:
                return 0;
            case FileKind.Directory:
                return Errno.IsDirectory;
            case FileKind.PipeWriter:
                return Errno.NotOpen;
            case FileKind.Archive:
                ulong left = FileNames.LengthOf(file);
                left = offset < left ? left - offset : 0;
                length = left < length ? left : length;
                break;
            case FileKind.Event when length < sizeof(ulong):
                return Errno.Invalid;
            default:
                break;
        }

        var target = (byte*)address;
        if (!UserMemory.CanWrite(address, length))
        {
            return Errno.Fault;
        }

        switch (file->Kind)
        {
            case FileKind.Zero:
                for (ulong i = 0; i < length; i++)
                {
                    target[i] = 0;
                }

                return (long)length;
            case FileKind.Random:
                RandomNumbers.Fill(target, length);
                return (long)length;
            case FileKind.Text:
                return Texts.Read((Node)file->Object, offset, target, length);
            case FileKind.Archive:
                LayerKernel.Copy(target, (byte*)Grants.Get(file->Object)->Address + offset, length);
                return (long)length;
            case FileKind.PipeReader:
                return Pipes.Read(file->Object, target, length);
            case FileKind.Event:
                return EventFiles.Read(file->Object, (ulong*)target);
            default:
                return Errno.Invalid;
        }
    }

    /// <summary>Writes.</summary>
    /// <returns>How many bytes, or an error; <see cref="Errno.Again"/> where there is no room yet.</returns>
    internal static long Write(LinuxThread* thread, OpenFile* file, ulong address, ulong length)
    {
        const ulong Most = 1 << 20;
        length = length < Most ? length : Most;
        if (!UserMemory.CanRead(address, length))
        {
            return Errno.Fault;
        }

        switch (file->Kind)
        {
            case FileKind.Console:
                ConsoleOutput.Write((byte*)address, (int)length);
                return (long)length;
            case FileKind.Null or FileKind.Zero or FileKind.Random:
                return (long)length;
            case FileKind.PipeWriter:
                long result = Pipes.Write(file->Object, (byte*)address, length);
                thread->Pending |= result == Errno.BrokenPipe && !SignalActions.IsIgnored(BrokenPipe) ? SignalActions.Bit(BrokenPipe) : 0;
                return result;
            case FileKind.Event:
                return length < sizeof(ulong) ? Errno.Invalid : EventFiles.Write(file->Object, *(ulong*)address);
            default:
                return Errno.NotOpen;
        }
    }
}
