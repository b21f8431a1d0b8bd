using System.Globalization;

namespace Makatea.Compare;

/// <summary>Where both back ends run: a folder for sockets, and a file in memory that is written once so that none of it is a hole.</summary>
internal sealed class Bed : IDisposable
{
    private readonly CompareOptions _options;
    private readonly string _folder;

    public Bed(CompareOptions options)
    {
        _options = options;
        _folder = Directory.CreateDirectory(Path.Combine(options.Folder, $"makatea-compare-{Environment.ProcessId}")).FullName;
        byte[] block = new byte[1 << 20];
        Random.Shared.NextBytes(block);
        using FileStream file = File.Create(RamFile);
        for (long written = 0; written < options.Size; written += block.Length)
        {
            file.Write(block);
        }
    }

    private string RamFile => Path.Combine(_folder, "disk.img");

    private string Size => _options.Size.ToString(CultureInfo.InvariantCulture);

    public BackendProcess StartOurs(Scenario scenario)
    {
        string socket = Path.Combine(_folder, "makatea.sock");
        string disk = scenario.Device == DeviceKind.Null ? $"null:{_options.Size >> 20}M" : RamFile;
        return BackendProcess.Start(
            "makatea",
            [.. _options.Command.Split(' '), "vhost-user-blk", $"--socket-path={socket}", $"--blk-file={disk}", $"--num-queues={scenario.Queues}"],
            socket,
            _options.BackendCpu);
    }

    public BackendProcess StartPeer(Scenario scenario)
    {
        string socket = Path.Combine(_folder, "qsd.sock");
        string disk = scenario.Device == DeviceKind.Null
            ? $"driver=null-co,read-zeroes=off,size={Size}"
            : $"driver=file,filename={RamFile},locking=off,aio={_options.PeerAio}";
        return BackendProcess.Start(
            "qemu-storage-daemon",
            [
                "qemu-storage-daemon", "--blockdev", $"{disk},node-name=disk",
                "--export", $"type=vhost-user-blk,id=e,node-name=disk,writable=on,addr.type=unix,addr.path={socket},num-queues={scenario.Queues}",
            ],
            socket,
            _options.BackendCpu);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);
}
