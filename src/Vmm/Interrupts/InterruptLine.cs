namespace Makatea.Vmm;

/// <summary>
/// A wire from a device to an interrupt controller. Used from any thread. Whoever shares a pin has a line of its own: the pin is asserted for as long as any of its lines is.
/// </summary>
public abstract class InterruptLine
{
    /// <summary>A wire that ends nowhere.</summary>
    public static InterruptLine None { get; } = new Unconnected();

    /// <summary>Asserts the line or lets go of it; as it is already, nothing happens.</summary>
    public abstract void Set(bool asserted);

    /// <summary>Asserts the line and lets go of it: an edge.</summary>
    /// <returns>What became of it, where the controller can tell; a timer delivers a merged one again.</returns>
    public virtual InterruptDelivery Pulse()
    {
        Set(true);
        Set(false);
        return InterruptDelivery.Delivered;
    }

    private sealed class Unconnected : InterruptLine
    {
        public override void Set(bool asserted)
        {
        }
    }
}
