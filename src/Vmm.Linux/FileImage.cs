using Makatea.Vmm.Boot;
using Microsoft.Win32.SafeHandles;

namespace Makatea.Vmm.Linux;

/// <summary>A kernel or an initramfs in a file.</summary>
internal sealed class FileImage : BootImage, IDisposable
{
    private readonly SafeFileHandle _file;

    /// <exception cref="IOException">It cannot be opened.</exception>
    public FileImage(FileInfo file)
    {
        _file = File.OpenHandle(file.FullName);
        Length = (ulong)RandomAccess.GetLength(_file);
    }

    /// <inheritdoc/>
    public override ulong Length { get; }

    /// <inheritdoc/>
    public override void Read(ulong offset, Span<byte> destination)
    {
        while (!destination.IsEmpty)
        {
            int read = RandomAccess.Read(_file, destination, (long)offset);
            if (read == 0)
            {
                throw new EndOfStreamException($"the image ends at {offset}; it had {Length} bytes when it was opened");
            }

            offset += (uint)read;
            destination = destination[read..];
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _file.Dispose();
}
