using System.Text.Json;

namespace Makatea.Sel4.Image.Boards;

/// <summary>
/// The folder of one board and configuration of a Microkit SDK (<c>board/x86_64_generic/debug</c>), or an installed kernel: the kernel's image and what describes it, wherever below the folder
/// they are. Looking at it collects all that is wrong; using it asks that nothing is.
/// </summary>
public sealed class BoardFolder
{
    private const int DeepestFolder = 8;

    private readonly List<BoardProblem> _problems = [];
    private readonly BoardTable? _table;

    private BoardFolder(string path)
    {
        Path = path;
        string[] files = Directory.GetFiles(path, "*", new EnumerationOptions { RecurseSubdirectories = true, MaxRecursionDepth = DeepestFolder, IgnoreInaccessible = true });
        Array.Sort(files, StringComparer.Ordinal);

        Kernel32 = KernelImage(Single(files, "sel4_32.elf", "boot loaders start it; objcopy -O elf32-i386 makes it of sel4.elf"), 1);
        Kernel64 = files.Any(f => Named(f, "sel4.elf")) ? KernelImage(Single(files, "sel4.elf", "it has the kernel's symbols"), 2) : null;
        string? configuration = Single(files, "kernel/gen_config.json", "it says how the kernel was configured");
        string? labels = Single(files, "invocations_all.json", "it numbers the invocations");
        string? systemCalls = Single(files, "sel4/syscall.h", "it numbers the system calls");
        if (configuration is null || Guarded(() => KernelConfiguration.Parse(File.ReadAllBytes(configuration), configuration)) is not { } options)
        {
            return;
        }

        Configuration = options;
        _problems.AddRange(KernelRequirements.Check(options));
        if (labels is not null && systemCalls is not null)
        {
            _table = Guarded(() => ReadTable(options, labels, System.IO.Path.GetDirectoryName(systemCalls)!));
        }
    }

    /// <summary>The folder, absolute.</summary>
    public string Path { get; }

    /// <summary>The kernel's image, a 32-bit ELF file, as boot loaders take it.</summary>
    public string? Kernel32 { get; }

    /// <summary>The kernel's image, a 64-bit ELF file; not needed to boot.</summary>
    public string? Kernel64 { get; }

    /// <summary>How the kernel was configured.</summary>
    public KernelConfiguration? Configuration { get; }

    /// <summary>All that is wrong, in the order of importance.</summary>
    public IReadOnlyList<BoardProblem> Problems => _problems;

    /// <summary>Whether nothing is.</summary>
    public bool Fits => _problems.Count == 0;

    /// <summary>What the root task is told of the kernel.</summary>
    /// <exception cref="ImageException">The board does not fit.</exception>
    public BoardTable Table => Fits ? _table! : throw Unfit();

    /// <summary>Looks at a folder.</summary>
    /// <exception cref="ImageException">There is none.</exception>
    public static BoardFolder Inspect(string path)
    {
        string full = System.IO.Path.GetFullPath(path);
        return Directory.Exists(full) ? new BoardFolder(full)
            : throw new ImageException($"found no folder {full}; name the folder of a board in a Microkit SDK, such as board/x86_64_generic/debug");
    }

    /// <summary>Looks at a folder, and asks that nothing is wrong.</summary>
    /// <exception cref="ImageException">Something is: all of it.</exception>
    public static BoardFolder Open(string path)
    {
        BoardFolder folder = Inspect(path);
        return folder.Fits ? folder : throw folder.Unfit();
    }

    private ImageException Unfit() => new(_problems.Select(p => p.ToString()).Prepend($"the kernel in {Path} does not fit:"));

    private string? Single(string[] files, string name, string reason)
    {
        string[] found = [.. files.Where(f => Named(f, name))];
        if (found.Length != 1)
        {
            string which = found.Length == 0 ? "missing" : $"there {found.Length} times ({string.Join(", ", found.Select(f => System.IO.Path.GetRelativePath(Path, f)))})";
            _problems.Add(new(name, which, "one; name the folder of one board and configuration", reason));
            return null;
        }

        return found[0];
    }

    private static bool Named(string file, string name) => file.EndsWith("/" + name, StringComparison.Ordinal);

    /// <summary>Checks that a file is an x86 ELF file of a class.</summary>
    private string? KernelImage(string? file, byte wordClass)
    {
        if (file is null)
        {
            return null;
        }

        Span<byte> header = stackalloc byte[20];
        using FileStream stream = File.OpenRead(file);
        int length = stream.ReadAtLeast(header, header.Length, throwOnEndOfStream: false);
        int machine = wordClass == 1 ? 3 : 62;
        if (length < header.Length || !header.StartsWith("\u007fELF"u8) || header[4] != wordClass || header[18] != machine || header[19] != 0)
        {
            _problems.Add(new(System.IO.Path.GetRelativePath(Path, file), "something else", $"a {wordClass * 32}-bit ELF file for x86", "it is the kernel's image"));
        }

        return file;
    }

    private T? Guarded<T>(Func<T> read)
        where T : class
    {
        try
        {
            return read();
        }
        catch (Exception e) when (e is ImageException or IOException or UnauthorizedAccessException)
        {
            _problems.AddRange(e.Message.Split('\n').Select(m => new BoardProblem("the description of the kernel", "not understood", "that of seL4 13 or later", m)));
            return null;
        }
    }

    private static BoardTable ReadTable(KernelConfiguration configuration, string labels, string headers)
    {
        var symbols = new HeaderSymbols(configuration);
        foreach (string name in new[] { "syscall.h", "objecttype.h", "constants.h" })
        {
            foreach (string file in Directory.GetFiles(headers, name, SearchOption.AllDirectories).Order(StringComparer.Ordinal))
            {
                symbols.Add(file, File.ReadAllText(file));
            }
        }

        try
        {
            return BoardTable.Create(configuration, JsonSerializer.Deserialize<Dictionary<string, uint>>(File.ReadAllBytes(labels))!, symbols);
        }
        catch (JsonException e)
        {
            throw new ImageException($"{labels} is no list of numbered invocations: {e.Message}", e);
        }
    }
}
