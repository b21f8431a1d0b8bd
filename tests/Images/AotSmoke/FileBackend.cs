using System.Runtime.InteropServices;
using Makatea.Platform.Linux;
using Makatea.Virtio;
using Makatea.Virtio.Block;

namespace Makatea.AotSmoke;

/// <summary>A vhost-user-blk backend over a file.</summary>
internal static class FileBackend
{
    /// <summary>Serves until SIGTERM.</summary>
    public static void Serve(string socket, string file, int queues, bool readOnly)
    {
        using var device = new VirtioBlockDevice(
            FileBlockDevice.Open(file, new FileBlockOptions { ReadOnly = readOnly, Locking = FileLocking.None, Notice = Console.Error.WriteLine }),
            new VirtioBlockOptions { Name = "disk", Serial = "aotsmoke", QueueCount = queues });
        using var server = new VhostUserServer(device, new LinuxHost());
        using UnixChannelListener listener = UnixChannelListener.Bind(socket);
        using PosixSignalRegistration registration = PosixSignalRegistration.Create(PosixSignal.SIGTERM, context =>
        {
            context.Cancel = true;
            server.Close();
        });
        server.Serve(listener);
    }
}
