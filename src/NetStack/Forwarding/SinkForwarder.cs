namespace Makatea.NetStack;

/// <summary>Drops every frame.</summary>
public sealed class SinkForwarder : IForwarder
{
    /// <inheritdoc/>
    public void Forward(ForwardingPlane plane, int port, ReadOnlySpan<int> frames)
    {
        foreach (int frame in frames)
        {
            plane.Drop(frame);
        }
    }
}
