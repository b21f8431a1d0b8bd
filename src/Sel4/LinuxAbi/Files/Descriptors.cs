namespace Makatea.Sel4.LinuxAbi;

/// <summary>The program's file descriptors.</summary>
internal static unsafe class Descriptors
{
    internal const int Count = 256;

    private static OpenFile* s_files;

    // The file's number plus one; 0 where the descriptor is free.
    private static ushort* s_descriptors;

    /// <summary>Starts with the console as standard input (at its end), output and error.</summary>
    internal static bool Start()
    {
        s_files = (OpenFile*)PageStore.Reserve(Count * (ulong)sizeof(OpenFile));
        s_descriptors = (ushort*)PageStore.Reserve(Count * sizeof(ushort));
        if (s_files == null || s_descriptors == null)
        {
            return false;
        }

        Open(FileKind.Null, 0, 0);
        Open(FileKind.Console, 0, 1);
        Open(FileKind.Console, 0, 1);
        return true;
    }

    /// <summary>The file that a descriptor refers to, or null.</summary>
    internal static OpenFile* Get(ulong descriptor) =>
        descriptor < Count && s_descriptors[descriptor] != 0 ? s_files + s_descriptors[descriptor] - 1 : null;

    /// <summary>Opens a file.</summary>
    /// <returns>The lowest free descriptor, or an error.</returns>
    internal static long Open(FileKind kind, uint instance, uint flags)
    {
        long descriptor = FindFree(0);
        if (descriptor < 0)
        {
            return descriptor;
        }

        // There is one for each descriptor.
        int file = 0;
        while (s_files[file].References != 0)
        {
            file++;
        }

        s_files[file] = new OpenFile { Kind = kind, Flags = flags, Object = instance, References = 1 };
        s_descriptors[descriptor] = (ushort)(file + 1);
        return descriptor;
    }

    /// <summary>Makes another descriptor of the same file.</summary>
    /// <param name="descriptor">The one that there is.</param>
    /// <param name="from">The lowest that will do.</param>
    internal static long Duplicate(ulong descriptor, ulong from)
    {
        OpenFile* file = Get(descriptor);
        long other = file == null ? Errno.NotOpen : from >= Count ? Errno.Invalid : FindFree(from);
        if (other >= 0)
        {
            s_descriptors[other] = s_descriptors[descriptor];
            file->References++;
        }

        return other;
    }

    /// <summary>Makes a descriptor refer to the file of another.</summary>
    internal static long Replace(ulong descriptor, ulong other)
    {
        OpenFile* file = Get(descriptor);
        if (file == null || other >= Count)
        {
            return Errno.NotOpen;
        }

        if (descriptor != other)
        {
            Close(other);
            s_descriptors[other] = s_descriptors[descriptor];
            file->References++;
        }

        return (long)other;
    }

    /// <summary>close.</summary>
    internal static long Close(ulong descriptor)
    {
        OpenFile* file = Get(descriptor);
        if (file == null)
        {
            return Errno.NotOpen;
        }

        s_descriptors[descriptor] = 0;
        if (--file->References == 0)
        {
            if (file->Kind is FileKind.PipeReader or FileKind.PipeWriter)
            {
                Pipes.Close(file->Object, file->Kind == FileKind.PipeWriter);
            }
            else if (file->Kind == FileKind.Event)
            {
                EventFiles.Close(file->Object);
            }
        }

        return 0;
    }

    private static long FindFree(ulong from)
    {
        for (ulong i = from; i < Count; i++)
        {
            if (s_descriptors[i] == 0)
            {
                return (long)i;
            }
        }

        return Errno.TooManyOpen;
    }
}
