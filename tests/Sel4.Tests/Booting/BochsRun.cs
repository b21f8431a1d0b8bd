using System.Text;
using Makatea.Bochs;
using Makatea.Qemu;
using Makatea.Sel4.Image.Boards;

namespace Makatea.Sel4.Tests.Booting;

/// <summary>A boot of a kernel with VT-x in Bochs, its console as text.</summary>
internal static class BochsRun
{
    private const int Memory = 512;

    /// <summary>Starts a boot module and reads the console until a line has a text.</summary>
    /// <returns>The console up to and with that line.</returns>
    public static string Until(BoardFolder board, byte[] module, string text, TimeSpan patience)
    {
        Skip.If(BochsProgram.Missing() is not null, $"needs Bochs ({BochsProgram.Missing()} is missing; Debian: apt-get install bochs bochs-term bochsbios vgabios)");
        Skip.IfNot(File.Exists("/usr/bin/grub-mkrescue"), "needs GRUB to start the kernel from a CD (Debian: apt-get install grub-common grub-pc-bin xorriso mtools)");
        using var machine = new BochsMachine(board.Kernel32!, module, Memory);
        using var console = new MemoryStream();
        Sel4End end = Sel4Run.Run(machine, console, TextWriter.Null, Encoding.UTF8.GetBytes(text), patience, showsKernel: true);
        string said = Encoding.UTF8.GetString(console.ToArray()).ReplaceLineEndings("\n");
        Assert.True(end == Sel4End.Found, $"{end} before '{text}' came:\n{said}");
        return said;
    }
}
