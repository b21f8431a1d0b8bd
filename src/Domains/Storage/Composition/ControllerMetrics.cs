namespace Makatea.Domains.Storage;

/// <summary>Names of what the storage domain counts of its NVMe controllers; each measurement is tagged with <see cref="Controller"/>.</summary>
public static class ControllerMetrics
{
    /// <summary>Counter: how often a controller was reset. Tagged with its <see cref="Model"/>.</summary>
    public const string Resets = "controller_resets";

    /// <summary>Gauge: processor on which a queue's thread waits for its interrupt, tagged with that <see cref="Vector"/>. One for each queue that is not polled.</summary>
    public const string InterruptProcessor = "interrupt_processor";

    /// <summary>Tag: name of the grant, which is the controller's address.</summary>
    public const string Controller = "controller";

    /// <summary>Tag: model number.</summary>
    public const string Model = "model";

    /// <summary>Tag: index of an interrupt vector.</summary>
    public const string Vector = "vector";
}
