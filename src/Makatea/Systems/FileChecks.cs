namespace Makatea.Systems;

/// <summary>The checks of the files that a system refers to: they are there, can be used, and nobody writes what another uses. Makes their paths absolute.</summary>
internal sealed class FileChecks(PathExpansion paths, SystemFileErrors errors)
{
    private readonly Dictionary<string, Use> _uses = new(StringComparer.Ordinal);

    /// <summary>Checks the files of a system that may have been read in part.</summary>
    public void Check(SystemDescription system)
    {
        foreach (DomainDescription domain in system.Domains)
        {
            domain.Scheduling.Program = domain.Scheduling.Program is { } program ? Program(program) : null;
            domain.Namespaces = [.. domain.Namespaces.Select((n, i) => Storage(n, isWritten: true, null, $"namespace {i + 1} of domain '{domain.Name.Value}'"))];
        }

        foreach (QubeDescription qube in system.Qubes)
        {
            qube.Kernel = Plain(qube.Kernel, "kernel");
            qube.Initrd = Plain(qube.Initrd, "initial RAM disk");
            foreach (DiskDescription disk in qube.Disks)
            {
                CheckDisk($"disk '{disk.Name.Value}' of qube '{qube.Name.Value}'", disk);
            }
        }

        foreach (ComponentDescription component in system.Components)
        {
            CheckComponent(component);
        }

        CheckNames(system);
    }

    /// <summary>All files of an image are in one archive.</summary>
    private void CheckNames(SystemDescription system)
    {
        string[] made = ["manifest", .. system.Domains.Select(d => $"{d.Name.Value}.json"), .. system.Components.Select(c => $"{c.Name.Value}.json")];
        var names = new Dictionary<string, Located<string>>(StringComparer.Ordinal);
        foreach (NamedText file in system.Components.SelectMany(c => c.Files))
        {
            if (made.Contains(file.Name.Value))
            {
                errors.Meaning(file.Name.Mark, $"found the file name '{file.Name.Value}', expected another: the image has a file of that name of its own");
            }
            else if (!names.TryAdd(file.Name.Value, file.Text) && names[file.Name.Value] is var first && first.Value != file.Text.Value)
            {
                errors.Meaning(file.Name.Mark, $"found the file name '{file.Name.Value}' for {file.Text.Value}, expected another name: line {first.Mark.Line} has it for {first.Value}");
            }
        }
    }

    private void CheckComponent(ComponentDescription component)
    {
        component.Program = Program(component.Program);
        foreach (NamedText file in component.Files)
        {
            file.Text = Plain(file.Text, "file")!.Value;
        }

        // Files are no disks on seL4, which is said elsewhere.
        foreach (DiskDescription disk in component.Disks.Where(d => (d.Image ?? d.Template) is { } image && (NvmeImage.TryParse(image.Value, out _, out _) || NullImage.TryParse(image.Value, out _, out _))))
        {
            CheckDisk($"disk '{disk.Name.Value}' of component '{component.Name.Value}'", disk);
        }
    }

    private void CheckDisk(string user, DiskDescription disk)
    {
        if (disk.Image is { } image)
        {
            if (NullImage.TryParse(image.Value, out ulong size, out string? problem))
            {
                if (problem is not null)
                {
                    errors.Meaning(image.Mark, problem);
                }
                else if (disk.Partition is { } partition)
                {
                    errors.Meaning(partition.Mark, $"found a partition of {image.Value}, expected none: a device that stores nothing has none");
                }
            }
            else if (NvmeImage.TryParse(image.Value, out _, out _))
            {
                ClaimNamespace(disk, image, isWritten: !disk.ReadOnly.Value, user);
            }
            else
            {
                disk.Image = Storage(image, isWritten: !disk.ReadOnly.Value, disk.Partition?.Value, user);
            }
        }

        if (disk.Template is { } of && NvmeImage.TryParse(of.Value, out _, out _))
        {
            ClaimNamespace(disk, of, isWritten: false, user);
        }
        else if (disk.Template is { } template)
        {
            disk.Template = Storage(template, isWritten: false, disk.Partition?.Value, user);
        }

        if (disk.Overlay is { Value: not DiskDescription.Volatile } overlay)
        {
            disk.Overlay = Overlay(overlay, user);
        }
    }

    /// <summary>A project, by its file or its folder, or a program.</summary>
    private Located<string> Program(Located<string> written)
    {
        if (written.Value is null || Expand(written) is not { } path)
        {
            return written;
        }

        if (Directory.Exists(path.Value))
        {
            string[] projects = Directory.GetFiles(path.Value, "*.csproj");
            if (projects.Length != 1)
            {
                errors.Meaning(path.Mark, $"found {Phrase.Count(projects.Length, "project")} in the folder {path.Value}, expected one *.csproj{(projects.Length == 0 ? "" : "; name the file")}");
            }

            return projects.Length == 1 ? new(projects[0], path.Mark) : path;
        }

        return Plain(written, "project or program")!.Value;
    }

    private Located<string>? Plain(Located<string>? file, string what)
    {
        if (file is null || Expand(file.Value) is not { } path)
        {
            return file;
        }

        if (Directory.Exists(path.Value) || !File.Exists(path.Value))
        {
            errors.Meaning(path.Mark, $"found no {what} at {path.Value}, expected a file{NearestFile(path.Value)}");
        }
        else
        {
            TryOpen(path, FileAccess.Read);
        }

        return path;
    }

    private Located<string> Storage(Located<string> written, bool isWritten, string? partition, string user)
    {
        if (Expand(written) is not { } path)
        {
            return written;
        }

        if (Directory.Exists(path.Value) || !File.Exists(path.Value))
        {
            errors.Meaning(path.Mark, $"found no file at {path.Value}, expected a raw image or block device{NearestFile(path.Value)}");
        }
        else if (!HasStorage(path.Value))
        {
            errors.Meaning(path.Mark, $"found an empty file at {path.Value}, expected a raw image; make one with: truncate -s 1G {path.Value}");
        }
        else
        {
            TryOpen(path, isWritten ? FileAccess.ReadWrite : FileAccess.Read);
            Claim(path, isWritten, partition, user);
        }

        return path;
    }

    private Located<string> Overlay(Located<string> written, string user)
    {
        if (Expand(written) is not { } path)
        {
            return written;
        }

        if (Directory.Exists(path.Value))
        {
            errors.Meaning(path.Mark, $"found a directory at {path.Value}, expected a file or nothing");
        }
        else if (File.Exists(path.Value))
        {
            TryOpen(path, FileAccess.ReadWrite);
        }
        else if (!Directory.Exists(Path.GetDirectoryName(path.Value)))
        {
            errors.Meaning(path.Mark, $"found no directory {Path.GetDirectoryName(path.Value)} to make the overlay in; make it first");
        }

        Claim(path, isWritten: true, partition: null, user);
        return path;
    }

    private void ClaimNamespace(DiskDescription disk, Located<string> image, bool isWritten, string user) =>
        Claim(new($"{image.Value} of domain '{disk.Domain?.Value}'", image.Mark), isWritten, disk.Partition?.Value, user);

    /// <summary>A file can be read by many; who writes it uses it alone, but for other partitions of the same disk.</summary>
    private void Claim(Located<string> path, bool isWritten, string? partition, string user)
    {
        string real = RealPath(path.Value);
        if (!_uses.TryGetValue(real, out Use? first))
        {
            _uses.Add(real, new Use(isWritten, [partition], user, path.Mark.Line));
            return;
        }

        bool isApart = partition is not null && !first.Partitions.Contains(null) && !first.Partitions.Contains(partition);
        if ((isWritten || first.IsWritten) && !isApart)
        {
            errors.Meaning(path.Mark, $"found {path.Value} used by {user} and, in line {first.Line}, by {first.User}; expected one user of a file that is written"
                + " (many can share a 'template', or an 'image' with 'read-only: true')");
        }

        first.Partitions.Add(partition);
        first.IsWritten |= isWritten;
    }

    private Located<string>? Expand(Located<string>? written)
    {
        if (written is not { } located)
        {
            return null;
        }

        string? path = paths.Expand(located.Value, out string? error);
        if (path is null)
        {
            errors.Meaning(located.Mark, error!);
            return null;
        }

        return new(path, located.Mark);
    }

    private void TryOpen(Located<string> path, FileAccess access)
    {
        try
        {
            File.OpenHandle(path.Value, FileMode.Open, access, FileShare.ReadWrite).Dispose();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            string wanted = access == FileAccess.Read ? "readable" : "readable and writable";
            errors.Meaning(path.Mark, $"found {path.Value}, which cannot be opened ({e.Message.TrimEnd('.')}); expected a {wanted} file");
        }
    }

    /// <summary>Block devices have length 0; what else has none (pipes, /proc) cannot hold a disk, and opening a pipe would wait.</summary>
    public static bool HasStorage(string path) => new FileInfo(RealPath(path)).Length > 0 || RealPath(path).StartsWith("/dev/", StringComparison.Ordinal);

    private static string RealPath(string path)
    {
        try
        {
            return File.ResolveLinkTarget(path, returnFinalTarget: true)?.FullName ?? path;
        }
        catch (IOException)
        {
            return path;
        }
    }

    private static string NearestFile(string path)
    {
        try
        {
            string directory = Path.GetDirectoryName(path) ?? "/";
            return Directory.Exists(directory)
                ? NearestName.Hint(Path.GetFileName(path), Directory.EnumerateFiles(directory).Take(1000).Select(f => Path.GetFileName(f)))
                : $"; there is no directory {directory}";
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return "";
        }
    }

    private sealed class Use(bool isWritten, HashSet<string?> partitions, string user, int line)
    {
        public bool IsWritten { get; set; } = isWritten;

        public HashSet<string?> Partitions { get; } = partitions;

        public string User { get; } = user;

        public int Line { get; } = line;
    }
}
