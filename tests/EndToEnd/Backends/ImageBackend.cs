namespace Makatea.EndToEnd;

/// <summary>Our libraries compiled ahead of time, without sandbox and command: tests/Images/AotSmoke.</summary>
internal sealed class ImageBackend(Scratch scratch, string name, BackendOptions options) : BlockBackend(scratch, name, options)
{
    private static readonly Lazy<string> _program = new(() => ImagePrograms.Publish("AotSmoke"));

    protected override IReadOnlyList<string> Command() => [_program.Value, "serve", SocketPath, Options.Image, $"{Options.Queues}", Options.ReadOnly ? "read-only" : "read-write"];
}
