namespace Makatea.EndToEnd;

/// <summary>A folder of one test's own, removed at its end. Its path is short enough for UNIX sockets.</summary>
internal sealed class Scratch : IDisposable
{
    /// <summary>The folder.</summary>
    public string Folder { get; } = Directory.CreateTempSubdirectory("makatea-").FullName;

    /// <summary>A path in the folder.</summary>
    public string File(string name) => Path.Combine(Folder, name);

    /// <summary>Makes a sparse image.</summary>
    /// <param name="name">File name in the folder.</param>
    /// <param name="size">Bytes.</param>
    public string Image(string name, long size)
    {
        string path = File(name);
        using var file = new FileStream(path, FileMode.CreateNew);
        file.SetLength(size);
        return path;
    }

    /// <inheritdoc/>
    public void Dispose() => Directory.Delete(Folder, recursive: true);
}
