namespace Makatea.EndToEnd;

/// <summary>Ours: <c>makatea vhost-user-blk</c>.</summary>
internal sealed class MakateaBackend(Scratch scratch, string name, BackendOptions options) : BlockBackend(scratch, name, options)
{
    protected override IReadOnlyList<string> Command() => MakateaCommand.Line(
    [
        "vhost-user-blk", $"--socket-path={SocketPath}", $"--blk-file={Options.Image}", $"--num-queues={Options.Queues}",
        .. Options.ReadOnly ? ["--read-only"] : (string[])[],
        .. Options.Shared ? ["--locking=shared"] : (string[])[],
    ]);
}
