namespace Makatea.Sel4.LinuxAbi;

/// <summary>Pipes within the program.</summary>
internal static unsafe class Pipes
{
    /// <summary>Bytes that a pipe holds, and that are written as a whole or not at all.</summary>
    internal const uint Capacity = 4096;

    private const int Most = 32;

    private static Pipe* s_pipes;

    internal static bool Start()
    {
        s_pipes = (Pipe*)PageStore.Reserve(Most * (ulong)sizeof(Pipe));
        return s_pipes != null;
    }

    /// <summary>pipe2(descriptors, flags).</summary>
    internal static long Create(ulong target, uint flags)
    {
        flags &= OpenFile.NonBlocking;
        if (!UserMemory.CanWrite(target, 2 * sizeof(uint)))
        {
            return Errno.Fault;
        }

        uint index = 0;
        while (index < Most && (s_pipes[index].IsRead || s_pipes[index].IsWritten))
        {
            index++;
        }

        if (index == Most)
        {
            return Errno.TooManyOpen;
        }

        // Its memory is kept for the next.
        Pipe* pipe = s_pipes + index;
        pipe->Bytes = pipe->Bytes == null ? (byte*)PageStore.Reserve(Capacity) : pipe->Bytes;
        if (pipe->Bytes == null)
        {
            return Errno.NoMemory;
        }

        *pipe = new Pipe { Bytes = pipe->Bytes, IsRead = true, IsWritten = true };
        long reader = Descriptors.Open(FileKind.PipeReader, index, flags);
        long writer = reader < 0 ? reader : Descriptors.Open(FileKind.PipeWriter, index, flags | 1);
        if (writer < 0)
        {
            pipe->IsWritten = false;
            if (reader < 0)
            {
                pipe->IsRead = false;
            }
            else
            {
                Descriptors.Close((ulong)reader);
            }

            return writer;
        }

        ((uint*)target)[0] = (uint)reader;
        ((uint*)target)[1] = (uint)writer;
        return 0;
    }

    /// <summary>Reads what there is.</summary>
    /// <returns>How much, 0 at the end; <see cref="Errno.Again"/> where there is nothing yet.</returns>
    internal static long Read(uint index, byte* target, ulong length)
    {
        Pipe* pipe = s_pipes + index;
        uint count = pipe->Count < length ? pipe->Count : (uint)length;
        if (count == 0)
        {
            return pipe->IsWritten && length != 0 ? Errno.Again : 0;
        }

        for (uint i = 0; i < count; i++)
        {
            target[i] = pipe->Bytes[(pipe->First + i) % Capacity];
        }

        pipe->First = (pipe->First + count) % Capacity;
        pipe->Count -= count;
        Readiness.Change();
        return count;
    }

    /// <summary>Writes; what fits the pipe as a whole, of more than that what there is room for.</summary>
    internal static long Write(uint index, byte* source, ulong length)
    {
        Pipe* pipe = s_pipes + index;
        if (!pipe->IsRead)
        {
            return Errno.BrokenPipe;
        }

        uint room = Capacity - pipe->Count;
        if (room < length && (room == 0 || length <= Capacity))
        {
            return Errno.Again;
        }

        uint count = room < length ? room : (uint)length;
        for (uint i = 0; i < count; i++)
        {
            pipe->Bytes[(pipe->First + pipe->Count + i) % Capacity] = source[i];
        }

        pipe->Count += count;
        Readiness.Change();
        return count;
    }

    /// <summary>One of its ends is closed.</summary>
    internal static void Close(uint index, bool isWriter)
    {
        if (isWriter)
        {
            s_pipes[index].IsWritten = false;
        }
        else
        {
            s_pipes[index].IsRead = false;
        }

        Readiness.Change();
    }

    /// <summary>What a poll of one of its ends says.</summary>
    internal static uint Poll(uint index, bool isWriter)
    {
        Pipe* pipe = s_pipes + index;
        if (isWriter)
        {
            return (pipe->Count < Capacity ? Readiness.Output : 0) | (pipe->IsRead ? 0 : Readiness.Error);
        }

        return (pipe->Count != 0 ? Readiness.Input : 0) | (pipe->IsWritten ? 0 : Readiness.HungUp);
    }
}

/// <summary>A pipe.</summary>
internal unsafe struct Pipe
{
    internal byte* Bytes;
    internal uint First;
    internal uint Count;

    /// <summary>It has a reader, and a writer.</summary>
    internal bool IsRead;
    internal bool IsWritten;
}
