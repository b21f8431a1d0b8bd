using System.CommandLine;
using Makatea.Cli;
using Makatea.Imaging;
using Makatea.Sel4.Image.Boards;
using Makatea.Sel4.Image.Elf;
using Makatea.Sel4.Image.Modules;
using Makatea.Sel4.Image.Programs;
using Makatea.Systems;

namespace Makatea.Commands;

/// <summary><c>makatea image</c>: packs programs and the root task into what a seL4 kernel starts.</summary>
internal static class ImageCommand
{
    private static readonly Option<string> _rootTask = new("--root-task")
    {
        Description = "The root task, a static ELF file: dotnet build src/Sel4/RootTask -c Release -p:LinkFreestanding=true",
        HelpName = "FILE",
        Required = true,
    };

    private static readonly Option<string[]> _programs = new("--program")
    {
        Description = "A static Linux program (scripts/publish-image.sh makes some), put in under its file name. Its system calls are rewritten to reach the Linux ABI layer. May be repeated.",
        HelpName = "FILE",
    };

    private static readonly Option<string[]> _files = new("--file") { Description = "Something else, put in as it is, under its file name. May be repeated.", HelpName = "FILE" };
    private static readonly Option<string?> _board = new("--board") { Description = BoardArgument.Description, HelpName = "DIR" };
    private static readonly Option<string> _output = new("--output", "-o") { Description = "Where the boot module is written.", HelpName = "FILE", Required = true };
    private static readonly Option<string?> _iso = new("--iso") { Description = "Write a CD image, too, with the kernel and GRUB, which boots on a PC (BIOS).", HelpName = "FILE" };

    public static Command Create()
    {
        var command = new Command("image", "Make a boot module for seL4: the root task, the numbers of the board's kernel, and programs.") { _rootTask, _programs, _files, _board, _output, _iso };
        command.SetAction(result =>
        {
            TextWriter output = result.InvocationConfiguration.Output;
            var board = BoardFolder.Open(BoardArgument.Resolve(result.GetValue(_board)));
            string rootTask = result.GetRequiredValue(_rootTask);
            var files = new List<ArchiveFile>();
            foreach (string program in result.GetValue(_programs) ?? [])
            {
                RewrittenImage image = SyscallRewriter.Rewrite(ElfFile.Parse(program, File.ReadAllBytes(program)));
                output.WriteLine($"{Path.GetFileName(program)}: {Phrase.Count(image.Sites.Count, "system call")} rewritten, {Phrase.Count(image.OtherPairs, "other place")} with their bytes left alone");
                files.Add(new ArchiveFile(Path.GetFileName(program), ElfFile.Parse(program, image.Bytes).WithoutSections()));
            }

            files.AddRange((result.GetValue(_files) ?? []).Select(f => new ArchiveFile(Path.GetFileName(f), File.ReadAllBytes(f))));
            byte[] module = BootModule.Build(ElfFile.Parse(rootTask, File.ReadAllBytes(rootTask)), board.Table, files);
            string path = result.GetRequiredValue(_output);
            File.WriteAllBytes(path, module);
            output.WriteLine($"{path}: {module.Length} bytes, {Phrase.Count(files.Count, "file")} behind the root task; 'makatea boot {path}' starts it");
            if (result.GetValue(_iso) is { } iso)
            {
                GrubIso.Write(board.Kernel32!, module, iso);
                output.WriteLine($"{iso}: {new FileInfo(iso).Length} bytes, boots on a PC");
            }

            return ExitCode.Success;
        });
        return command;
    }
}
