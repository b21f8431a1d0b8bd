namespace Makatea.Platform.Linux.Sandboxing;

/// <summary>A pipe between the launcher and a new process.</summary>
internal sealed unsafe class StartPipe : IDisposable
{
    private const int CloseOnExec = 0x8_0000;

    public StartPipe()
    {
        int* ends = stackalloc int[2];
        if (SandboxNative.Pipe2(ends, CloseOnExec) != 0)
        {
            throw LinuxError.Io("cannot start a process", "pipe2", Errno.Last);
        }

        (ReadEnd, WriteEnd) = (ends[0], ends[1]);
    }

    public int ReadEnd { get; private set; }

    public int WriteEnd { get; private set; }

    public void CloseRead() => ReadEnd = Close(ReadEnd);

    public void CloseWrite() => WriteEnd = Close(WriteEnd);

    /// <summary>Writes one byte; a reader that is gone shows elsewhere.</summary>
    public void WriteByte()
    {
        byte go = 1;
        _ = SandboxNative.Write(WriteEnd, &go, 1);
    }

    /// <summary>Reads until every writer has closed its end.</summary>
    public void ReadToEnd()
    {
        byte* buffer = stackalloc byte[16];
        while (SandboxNative.Read(ReadEnd, buffer, 16) is var n && (n > 0 || (n < 0 && Errno.Last == Errno.EINTR)))
        {
        }
    }

    public void Dispose()
    {
        CloseRead();
        CloseWrite();
    }

    private static int Close(int end)
    {
        if (end >= 0)
        {
            _ = SandboxNative.Close(end);
        }

        return -1;
    }
}
