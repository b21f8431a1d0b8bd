using Makatea.Sel4;
using Makatea.Sel4.Image;
using Makatea.Sel4.Image.Elf;
using Makatea.Sel4.Image.Programs;
using Makatea.Systems;

namespace Makatea.Imaging;

/// <summary>A program as it goes into an image.</summary>
/// <param name="Name">Its name in the archive.</param>
/// <param name="Source">The project or file that it is made of.</param>
/// <param name="Layer">What it finds below it.</param>
/// <param name="File">What goes into the archive: the parts that are loaded, system calls rewritten.</param>
/// <param name="Code">Bytes of code.</param>
/// <param name="Constants">Bytes that are only read.</param>
/// <param name="Data">Bytes that are written, those that start as zero included.</param>
/// <param name="SystemCalls">Instructions that were rewritten.</param>
/// <param name="Taken">How long it took to build.</param>
internal sealed record ProgramImage(string Name, string Source, ComponentLayer Layer, byte[] File, ulong Code, ulong Constants, ulong Data, int SystemCalls, TimeSpan Taken)
{
    private const ulong Page = 4096;

    /// <summary>Bytes that each component that runs it has of its own: whole pages.</summary>
    public ulong Copied => (Data + Page - 1) / Page * Page;

    /// <summary>Makes one.</summary>
    /// <exception cref="ImageException">It cannot run on seL4; all of why is said.</exception>
    public static ProgramImage Make(string name, ProgramProject project, BuiltProgram built)
    {
        var elf = ElfFile.Parse(built.Path, built.Bytes);
        string[] problems = [.. Check(elf, project.Layer)];
        if (problems.Length != 0)
        {
            throw new ImageException(problems.Select(p => $"{built.Path} cannot be a component: {p}"));
        }

        int calls = 0;
        if (project.Layer == ComponentLayer.Linux)
        {
            RewrittenImage rewritten = SyscallRewriter.Rewrite(elf);
            calls = rewritten.Sites.Count;
            elf = ElfFile.Parse(built.Path, rewritten.Bytes);
        }

        ulong code = Sum(elf, f => f.HasFlag(ElfRights.Execute));
        ulong constants = Sum(elf, f => (f & (ElfRights.Execute | ElfRights.Write)) == 0);
        ulong data = Sum(elf, f => f.HasFlag(ElfRights.Write));
        return new ProgramImage(name, project.Path, project.Layer, elf.WithoutSections(), code, constants, data, calls, built.Taken);
    }

    private static ulong Sum(ElfFile elf, Func<ElfRights, bool> which) => Loaded(elf).Where(s => which(s.Flags)).Aggregate(0ul, (sum, s) => sum + s.MemoryLength);

    private static IEnumerable<ElfSegment> Loaded(ElfFile elf) => elf.Segments.Where(s => s.Type == ElfSegment.Load && s.MemoryLength > 0);

    private static IEnumerable<string> Check(ElfFile elf, ComponentLayer layer)
    {
        if (elf.Type != ElfFile.Executable || elf.Segments.Any(s => s.Type is ElfSegment.Interpreter))
        {
            yield return $"it is not static at fixed addresses (type {elf.Type}, needed is {ElfFile.Executable}); name its project, or publish it with src/Sel4/Build/Component.props";
        }

        // The layer, or what is started in its place, has the addresses from Layer on.
        (ulong first, ulong end) = layer == ComponentLayer.Linux ? (Page, ComponentLayout.Layer) : (Page, ComponentLayout.Info);
        foreach (ElfSegment segment in Loaded(elf).Where(s => s.Address < first || s.End > end))
        {
            yield return $"its segment at 0x{segment.Address:x} to 0x{segment.End:x} is not between 0x{first:x} and 0x{end:x}";
        }

        foreach (ElfSegment segment in Loaded(elf).Where(s => s.Flags.HasFlag(ElfRights.Execute) && s.Flags.HasFlag(ElfRights.Write)))
        {
            yield return $"its segment at 0x{segment.Address:x} may be written and executed, allowed is one of them";
        }
    }
}
