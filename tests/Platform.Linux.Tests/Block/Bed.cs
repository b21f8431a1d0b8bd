namespace Makatea.Platform.Linux.Tests;

/// <summary>What a machine may lack.</summary>
internal static class Bed
{
    private static readonly string? NoIoUring = ProbeIoUring();

    /// <summary>Options for io_uring; skips the test where the kernel refuses it.</summary>
    internal static FileBlockOptions IoUring()
    {
        Skip.If(NoIoUring is not null, NoIoUring);
        return new FileBlockOptions { Engine = FileEngine.IoUring };
    }

    /// <summary>Options for a mapped file; skips the test on processors on which none is mapped.</summary>
    internal static FileBlockOptions Mapped()
    {
        Skip.IfNot(FaultGuard.IsSupported, "files are mapped on x86-64 alone");
        return new FileBlockOptions { Engine = FileEngine.Mapped };
    }

    private static string? ProbeIoUring()
    {
        try
        {
            IoUringFactory.TryModes(1, IoUringFactory.Modes, out _).Dispose();
            return null;
        }
        catch (IOException e)
        {
            return $"{e.Message}; allow it with sysctl kernel.io_uring_disabled=0 and a seccomp filter that lets it through";
        }
    }
}
