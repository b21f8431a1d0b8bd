namespace Makatea.Systems;

/// <summary>Reads system files.</summary>
internal static class SystemFile
{
    /// <summary>Reads and checks a file, and all that it refers to.</summary>
    /// <exception cref="SystemFileException">It is wrong; the message has all errors.</exception>
    /// <exception cref="IOException">It cannot be read.</exception>
    public static SystemDescription Load(string path)
    {
        string directory = Path.GetDirectoryName(Path.GetFullPath(path)) ?? "/";
        return Parse(File.ReadAllBytes(path), path, new PathExpansion(directory, Environment.GetEnvironmentVariable));
    }

    /// <summary>Reads and checks what a file holds.</summary>
    /// <exception cref="SystemFileException">It is wrong; the message has all errors.</exception>
    internal static SystemDescription Parse(ReadOnlySpan<byte> utf8, string path, PathExpansion paths)
    {
        var errors = new SystemFileErrors();
        SystemDescription? system = null;
        if (YamlDocumentReader.Read(utf8, errors) is { } document && (system = SystemShape.Read(document, errors)) is not null)
        {
            system.Name = system.Name.Value is null ? DefaultName(path, errors) : system.Name;
            SystemChecks.Check(system, errors);
            new FileChecks(paths, errors).Check(system);
        }

        return system is null || errors.Any ? throw new SystemFileException(path, errors.All) : system;
    }

    private static Located<string> DefaultName(string path, SystemFileErrors errors)
    {
        string name = Path.GetFileNameWithoutExtension(path);
        var start = new SourceMark(1, 1);
        var problems = new SystemFileErrors();
        if (!Names.System.TryRead(new YamlScalar(start, name, YamlScalarKind.Text), "the file's name", problems, out _))
        {
            errors.Meaning(start, $"the file is called '{name}', which is no name for a system; add 'name:' with 1 to 31 letters, digits, '-' and '_' that starts with a letter");
        }

        return new(name, start);
    }
}
