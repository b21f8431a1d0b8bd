using System.IO.Pipelines;

namespace Makatea.NetStack;

/// <summary>Runs continuations of pipes on the forwarding thread: for <see cref="TcpHost"/> and the services that use it.</summary>
/// <param name="loop">The thread.</param>
public sealed class ForwardingScheduler(ForwardingLoop loop) : PipeScheduler
{
    /// <inheritdoc/>
    public override void Schedule(Action<object?> action, object? state) => loop.Post(() => action(state));
}
