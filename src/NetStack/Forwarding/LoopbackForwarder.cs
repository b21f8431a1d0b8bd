namespace Makatea.NetStack;

/// <summary>Sends every frame back where it came from, as it is.</summary>
public sealed class LoopbackForwarder : IForwarder
{
    /// <inheritdoc/>
    public void Forward(ForwardingPlane plane, int port, ReadOnlySpan<int> frames) => plane.Send(port, frames);
}
