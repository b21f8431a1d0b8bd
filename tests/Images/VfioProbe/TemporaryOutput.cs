using Microsoft.Win32.SafeHandles;

namespace Makatea.VfioProbe;

/// <summary>A file that takes what a component prints.</summary>
internal sealed class TemporaryOutput : IDisposable
{
    private readonly string _path = Path.GetTempFileName();

    /// <summary>Opens it.</summary>
    public TemporaryOutput() => Handle = File.OpenHandle(_path, FileMode.Append, FileAccess.Write, FileShare.ReadWrite);

    /// <summary>The descriptor.</summary>
    public SafeFileHandle Handle { get; }

    /// <summary>What was printed.</summary>
    public string Text => File.ReadAllText(_path);

    /// <inheritdoc/>
    public void Dispose()
    {
        Handle.Dispose();
        File.Delete(_path);
    }
}
