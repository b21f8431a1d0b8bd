using System.Diagnostics;
using Makatea.Platform.Linux;

namespace Makatea.Virtio.Tests;

/// <summary>qemu-storage-daemon with a vhost-user-blk export: a back end that nobody here wrote, to test the front end against.</summary>
internal sealed class QemuStorageDaemon : IDisposable
{
    private readonly Process _process;
    private readonly string _directory;

    private QemuStorageDaemon(Process process, string directory, string socketPath)
    {
        _process = process;
        _directory = directory;
        SocketPath = socketPath;
    }

    public string SocketPath { get; }

    /// <param name="blockdev">The node to export, without its name, such as <c>driver=null-co</c>.</param>
    /// <param name="queues">Number of queues.</param>
    public static QemuStorageDaemon Start(string blockdev, int queues)
    {
        Skip.IfNot(
            Environment.GetEnvironmentVariable("PATH")!.Split(':').Any(d => File.Exists(Path.Combine(d, "qemu-storage-daemon"))),
            "qemu-storage-daemon is missing; install the package qemu-system-common");
        string directory = Directory.CreateTempSubdirectory("makatea").FullName;
        string socketPath = Path.Combine(directory, "blk.sock");
        Process process = Process.Start(new ProcessStartInfo("qemu-storage-daemon")
        {
            ArgumentList =
            {
                "--blockdev", $"{blockdev},node-name=disk",
                "--export", $"type=vhost-user-blk,id=e,node-name=disk,addr.type=unix,addr.path={socketPath},writable=on,num-queues={queues}",
            },
            RedirectStandardError = true,
        })!;
        QemuStorageDaemon daemon = new(process, directory, socketPath);

        // Between bind and listen the file is there and connections are refused.
        for (int i = 0; !File.ReadLines("/proc/net/unix").Any(line => line.EndsWith(' ' + socketPath) && line.Split(' ')[3] == "00010000"); i++)
        {
            if (process.HasExited || i == 500)
            {
                string errors = process.HasExited ? process.StandardError.ReadToEnd() : "no socket within 5 s";
                daemon.Dispose();
                throw new InvalidOperationException($"qemu-storage-daemon did not start: {errors}");
            }

            Thread.Sleep(10);
        }

        return daemon;
    }

    public UnixMessageChannel Connect() => UnixMessageChannel.Connect(SocketPath);

    public void Dispose()
    {
        if (!_process.HasExited)
        {
            _process.Kill();
            _process.WaitForExit();
        }

        _process.Dispose();
        Directory.Delete(_directory, recursive: true);
    }
}
