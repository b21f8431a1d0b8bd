using System.Security.Cryptography;
using System.Text;
using Makatea.Cli;
using Makatea.Systems;

namespace Makatea.Imaging;

/// <summary>Makes programs of projects: published ahead of time for the Linux layer, compiled and linked by themselves for the bare kernel. What did not change is not built again.</summary>
/// <param name="sources">Folder of our sources.</param>
/// <param name="progress">Told of what takes long.</param>
internal sealed class ProgramBuilder(string sources, BuildProgress progress) : IProgramSource
{
    private const string Configuration = "Release";

    /// <inheritdoc/>
    public BuiltProgram Get(ProgramProject project)
    {
        if (!project.IsProject)
        {
            return new BuiltProgram(project.Path, File.ReadAllBytes(project.Path), TimeSpan.Zero);
        }

        if (!Directory.Exists(project.Folder))
        {
            throw new CommandException($"found no folder {project.Folder}, expected the project of {project.Name} there");
        }

        string cache = Path.Combine(Root, "programs", $"{project.Name}-{Digest(project.Path)}");
        Directory.CreateDirectory(cache);

        // Two images at a time build one after the other.
        using FileStream turn = Lock(Path.Combine(Root, "lock"));
        TimeSpan taken = TimeSpan.Zero;
        if (FindProgram(cache) is null || !BuildInputs.IsCurrent(cache))
        {
            DotnetProgram.RequireLinkers();
            taken = progress.Run($"building {project.Name}", () => Build(project, cache));
        }

        string program = FindProgram(cache) ?? throw new CommandException($"{project.Path} was built and left no program in {cache}; expected 'OutputType' Exe, or for a component without a layer an import of src/Sel4/Build/Freestanding.targets");
        return new BuiltProgram(program, File.ReadAllBytes(program), taken);
    }

    private string Root => Path.Combine(sources, "artifacts/sel4");

    private void Build(ProgramProject project, string cache)
    {
        foreach (string old in Directory.GetFiles(cache))
        {
            File.Delete(old);
        }

        string targets = Path.Combine(sources, "src/Sel4/Build");
        string inputs = Path.Combine(targets, "Inputs.targets");
        string[] common = ["-c", Configuration, "-nologo", "-v", "q", $"-p:CustomAfterMicrosoftCommonTargets={inputs}", $"-p:MakateaInputs={cache}"];
        string log = Path.Combine(Root, $"{project.Name}.log");
        DateTime started = DateTime.UtcNow;
        if (project.Layer == ComponentLayer.None)
        {
            DotnetProgram.Run(log, ["build", project.Path, "-p:LinkFreestanding=true", .. common]);
            string output = Path.Combine(project.Folder, "bin", Configuration, "net9.0/linux-x64");
            foreach (string elf in Directory.Exists(output) ? Directory.GetFiles(output, "*.elf") : [])
            {
                File.Copy(elf, Path.Combine(cache, Path.GetFileName(elf)));
            }

            BuildInputs.Save(cache, started, [inputs, Path.Combine(targets, "Freestanding.targets"), Path.Combine(targets, "freestanding.ld")]);
            return;
        }

        string properties = Path.Combine(targets, "Component.props");
        string published = Path.Combine(cache, "published");
        DotnetProgram.Run(log,
        [
            "publish", project.Path, "-f", "net9.0", "-r", "linux-x64", "-p:TargetFrameworks=net9.0", $"-p:CustomBeforeMicrosoftCommonProps={properties}",
            "--artifacts-path", Path.Combine(sources, "artifacts/images-static"), "-o", published, .. common,
        ]);
        foreach (string file in Directory.GetFiles(published).Where(IsProgram))
        {
            File.Move(file, Path.Combine(cache, Path.GetFileName(file)));
        }

        Directory.Delete(published, recursive: true);
        BuildInputs.Save(cache, started, [inputs, properties, Path.Combine(targets, "ComponentImage.props")]);
    }

    private static string? FindProgram(string cache) => Directory.GetFiles(cache).Where(IsProgram).ToArray() is [{ } one] ? one : null;

    private static bool IsProgram(string path)
    {
        if (path.EndsWith(".so", StringComparison.Ordinal) || path.EndsWith(".dbg", StringComparison.Ordinal))
        {
            return false;
        }

        Span<byte> start = stackalloc byte[4];
        using FileStream file = File.OpenRead(path);
        return file.ReadAtLeast(start, start.Length, throwOnEndOfStream: false) == start.Length && start.SequenceEqual("\u007fELF"u8);
    }

    private static string Digest(string path) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(path)))[..8];

    private static FileStream Lock(string path)
    {
        while (true)
        {
            try
            {
                return new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            }
            catch (IOException) when (File.Exists(path))
            {
                Thread.Sleep(200);
            }
        }
    }
}
