using System.Buffers.Binary;
using System.Text;

namespace Makatea.Platform.Linux.Sandboxing;

/// <summary>Reads which interpreter (dynamic linker) a 64-bit ELF executable names.</summary>
internal static class ElfFile
{
    private const int HeaderLength = 64;
    private const int ProgramHeaderLength = 56;
    private const uint InterpreterSegment = 3;

    /// <summary>The interpreter's path, or null for a static executable.</summary>
    /// <exception cref="SandboxException">The file is no x86-64 ELF executable.</exception>
    public static string? InterpreterOf(string path)
    {
        using FileStream file = Open(path);
        Span<byte> header = stackalloc byte[HeaderLength];
        if (file.ReadAtLeast(header, HeaderLength, throwOnEndOfStream: false) < HeaderLength || !header.StartsWith("\u007fELF\u0002\u0001"u8))
        {
            throw new SandboxException($"'{path}' is no 64-bit ELF executable; scripts need their interpreter named as the executable");
        }

        ulong offset = BinaryPrimitives.ReadUInt64LittleEndian(header[32..]);
        int entrySize = BinaryPrimitives.ReadUInt16LittleEndian(header[54..]);
        int count = BinaryPrimitives.ReadUInt16LittleEndian(header[56..]);
        Span<byte> entry = stackalloc byte[ProgramHeaderLength];
        for (int i = 0; i < count; i++)
        {
            file.Position = checked((long)offset + (i * entrySize));
            file.ReadExactly(entry);
            if (BinaryPrimitives.ReadUInt32LittleEndian(entry) == InterpreterSegment)
            {
                byte[] name = new byte[Math.Min(BinaryPrimitives.ReadUInt64LittleEndian(entry[32..]), 4096)];
                file.Position = checked((long)BinaryPrimitives.ReadUInt64LittleEndian(entry[8..]));
                file.ReadExactly(name);
                return Encoding.UTF8.GetString(name).TrimEnd('\0');
            }
        }

        return null;
    }

    private static FileStream Open(string path)
    {
        try
        {
            return File.OpenRead(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new SandboxException($"cannot read the executable '{path}': {e.Message}", e);
        }
    }
}
