namespace Makatea.Sel4.LinuxAbi;

/// <summary>System calls on open files.</summary>
internal static unsafe class FileCalls
{
    /// <summary>read(descriptor, buffer, length).</summary>
    internal static long Read(LinuxThread* thread)
    {
        ref Registers call = ref thread->Registers;
        OpenFile* file = Descriptors.Get(call.Rdi);
        if (file == null)
        {
            return Errno.NotOpen;
        }

        long result = FileContents.Read(file, file->Offset, call.Rsi, call.Rdx);
        file->Offset += result > 0 ? (ulong)result : 0;
        return OrWait(thread, file, result);
    }

    /// <summary>pread64(descriptor, buffer, length, offset).</summary>
    internal static long ReadFrom(LinuxThread* thread)
    {
        ref Registers call = ref thread->Registers;
        OpenFile* file = Descriptors.Get(call.Rdi);
        return file == null ? Errno.NotOpen
            : file->Kind is FileKind.PipeReader or FileKind.PipeWriter or FileKind.Event or FileKind.Console ? Errno.IllegalSeek
            : FileContents.Read(file, call.R10, call.Rsi, call.Rdx);
    }

    /// <summary>write(descriptor, buffer, length), and pwrite64, which has an offset where there is something to write to.</summary>
    internal static long Write(LinuxThread* thread)
    {
        ref Registers call = ref thread->Registers;
        OpenFile* file = Descriptors.Get(call.Rdi);
        return file == null ? Errno.NotOpen : OrWait(thread, file, FileContents.Write(thread, file, call.Rsi, call.Rdx));
    }

    /// <summary>readv and writev(descriptor, parts, count): part by part, as far as it goes without waiting.</summary>
    internal static long Vector(LinuxThread* thread, bool writes)
    {
        const ulong MostParts = 1024;
        ref Registers call = ref thread->Registers;
        OpenFile* file = Descriptors.Get(call.Rdi);
        if (file == null || call.Rdx > MostParts)
        {
            return file == null ? Errno.NotOpen : Errno.Invalid;
        }

        ulong* parts = (ulong*)call.Rsi;
        ulong count = call.Rdx;
        if (!UserMemory.CanRead(call.Rsi, count * 2 * sizeof(ulong)))
        {
            return Errno.Fault;
        }

        long total = 0;
        for (ulong i = 0; i < count; i++)
        {
            ulong length = parts[(2 * i) + 1];
            long result = writes ? FileContents.Write(thread, file, parts[2 * i], length) : FileContents.Read(file, file->Offset, parts[2 * i], length);
            if (result < 0)
            {
                return total > 0 ? total : OrWait(thread, file, result);
            }

            file->Offset += writes ? 0 : (ulong)result;
            total += result;
            if ((ulong)result < length)
            {
                break;
            }
        }

        return total;
    }

    /// <summary>lseek(descriptor, offset, from).</summary>
    internal static long Seek(LinuxThread* thread)
    {
        ref Registers call = ref thread->Registers;
        OpenFile* file = Descriptors.Get(call.Rdi);
        if (file == null || file->Kind is not (FileKind.Archive or FileKind.Text or FileKind.Directory or FileKind.Null or FileKind.Zero))
        {
            return file == null ? Errno.NotOpen : Errno.IllegalSeek;
        }

        long origin = call.Rdx switch { 0 => 0, 1 => (long)file->Offset, 2 => (long)FileNames.LengthOf(file), _ => Errno.Invalid };
        long target = origin + (long)call.Rsi;
        if (origin < 0 || target < 0)
        {
            return Errno.Invalid;
        }

        file->Offset = (ulong)target;
        return target;
    }

    /// <summary>fcntl(descriptor, command, argument).</summary>
    internal static long Control(LinuxThread* thread)
    {
        const ulong Duplicate = 0;
        const ulong GetDescriptorFlags = 1;
        const ulong SetDescriptorFlags = 2;
        const ulong GetFlags = 3;
        const ulong SetFlags = 4;
        const ulong SetLock = 6;
        const ulong DuplicateClosing = 1030;
        ref Registers call = ref thread->Registers;
        OpenFile* file = Descriptors.Get(call.Rdi);
        switch (file == null ? ulong.MaxValue : call.Rsi)
        {
            case Duplicate:
            case DuplicateClosing:
                return Descriptors.Duplicate(call.Rdi, call.Rdx);
            case GetDescriptorFlags:
                return 1;
            case SetDescriptorFlags:
            case SetLock:
                return 0;
            case GetFlags:
                return file->Flags;
            case SetFlags:
                file->Flags = (file->Flags & ~OpenFile.NonBlocking) | ((uint)call.Rdx & OpenFile.NonBlocking);
                return 0;
            default:
                return file == null ? Errno.NotOpen : Errno.Invalid;
        }
    }

    /// <summary>ftruncate and the like: nothing has a length that may be changed.</summary>
    internal static long Refuse(LinuxThread* thread) => Descriptors.Get(thread->Registers.Rdi) == null ? Errno.NotOpen : Errno.Invalid;

    private static long OrWait(LinuxThread* thread, OpenFile* file, long result) =>
        result == Errno.Again && !file->IsNonBlocking ? Waits.Begin(thread, WaitKind.File, Clock.Never) : result;
}
