using System.Text;

namespace Makatea.Vmm.Boot;

/// <summary>Writes the kernel's command line.</summary>
internal static class CommandLine
{
    /// <summary>Writes it with its terminator.</summary>
    /// <param name="text">The line.</param>
    /// <param name="writer">The guest's memory.</param>
    /// <param name="longest">How many bytes of it the kernel reads.</param>
    /// <exception cref="BootException">It is too long, or holds what ends it.</exception>
    internal static void Write(string text, GuestWriter writer, uint longest)
    {
        int limit = (int)Math.Min(longest, BootArea.CommandLineSize - 1);
        int length = Encoding.UTF8.GetByteCount(text);
        if (length > limit)
        {
            throw new BootException($"the command line has {length} bytes; the kernel takes {limit}");
        }

        if (text.Contains('\0'))
        {
            throw new BootException($"the command line has a NUL at position {text.IndexOf('\0')}, which would end it");
        }

        byte[] bytes = new byte[length + 1];
        Encoding.UTF8.GetBytes(text, bytes);
        writer.Write(BootArea.CommandLine, bytes);
    }
}
