namespace Makatea.EndToEnd;

/// <summary>QEMU's own: it shows that the bed works where ours fails.</summary>
internal sealed class StorageDaemonBackend(Scratch scratch, string name, BackendOptions options) : BlockBackend(scratch, name, options)
{
    protected override IReadOnlyList<string> Command() =>
    [
        "qemu-storage-daemon",
        "--blockdev", $"driver=file,node-name=file,filename={Options.Image},discard=unmap,locking=off,read-only={OnOff(Options.ReadOnly)}",
        "--export", $"type=vhost-user-blk,id=export,node-name=file,addr.type=unix,addr.path={SocketPath},writable={OnOff(!Options.ReadOnly)},num-queues={Options.Queues}",
    ];

    private static string OnOff(bool value) => value ? "on" : "off";
}
