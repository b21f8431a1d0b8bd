using Makatea.Vmm.Linux.Monitor;
using Makatea.Vmm.Virtio;

namespace Makatea.Vmm.Linux;

/// <content>Into a file.</content>
internal sealed partial class QubeProgram
{
    /// <summary>Writes all of it into a file, for <c>--restore</c>, and goes on as before. The file has its name when it is complete.</summary>
    /// <exception cref="MonitorException">It cannot be written, or a device cannot say where it stands.</exception>
    public void Save(string path)
    {
        string partial = path + ".partial";
        try
        {
            using (var file = new FileStream(partial, new FileStreamOptions { Mode = FileMode.Create, Access = FileAccess.ReadWrite, BufferSize = 0, UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite }))
            {
                Look(qube =>
                {
                    qube.Save(file);
                    return 0;
                });
                file.Flush(flushToDisk: true);
            }

            File.Move(partial, path, overwrite: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or VirtioFrontEndException or InvalidOperationException)
        {
            if (File.Exists(partial))
            {
                File.Delete(partial);
            }

            throw new MonitorException($"no snapshot was written to '{path}': {e.Message}");
        }
    }
}
