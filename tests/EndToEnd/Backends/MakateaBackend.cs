namespace Makatea.EndToEnd;

/// <summary>Ours: <c>makatea vhost-user-blk</c>.</summary>
internal sealed class MakateaBackend(Scratch scratch, string name, BackendOptions options) : BlockBackend(scratch, name, options)
{
    private static readonly string _program = Repository.File($"src/Makatea/bin/{Repository.Configuration}/net10.0/makatea.dll");

    protected override IReadOnlyList<string> Command()
    {
        List<string> command =
        [
            Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet", _program,
            "vhost-user-blk", $"--socket-path={SocketPath}", $"--blk-file={Options.Image}", $"--num-queues={Options.Queues}",
        ];
        if (Options.ReadOnly)
        {
            command.Add("--read-only");
        }

        if (Options.Shared)
        {
            command.Add("--locking=shared");
        }

        return command;
    }
}
