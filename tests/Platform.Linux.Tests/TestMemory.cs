using Microsoft.Win32.SafeHandles;

namespace Makatea.Platform.Linux.Tests;

/// <summary>Memory files as peers grant them.</summary>
internal static class TestMemory
{
    /// <summary>An unsealed memfd, which its owner can truncate.</summary>
    internal static LinuxGrant Unsealed(long length)
    {
        SafeFileHandle file = new(Libc.MemfdCreate("test", Libc.MFD_CLOEXEC | Libc.MFD_ALLOW_SEALING), ownsHandle: true);
        Assert.False(file.IsInvalid);
        Resize(file, length);
        return new LinuxGrant(file);
    }

    /// <summary>What a hostile peer does.</summary>
    internal static void Resize(SafeFileHandle file, long length) => Assert.Equal(0, Libc.FTruncate(file, length));

    /// <summary>The whole mapping, typed.</summary>
    internal static SharedMemory View(this MappedMemory memory) => new(memory.Slice(0, (int)memory.Length));
}
