using Makatea.Platform;

namespace Makatea.Virtio;

/// <summary>What all rings of a session share while they are served.</summary>
/// <param name="Device">Makes workers.</param>
/// <param name="Host">Makes doorbells.</param>
/// <param name="Features">Virtio features negotiated.</param>
/// <param name="Memory">The guest's memory.</param>
/// <param name="DirtyLog">The log, while logging is on.</param>
/// <param name="Inflight">In-flight region, if there is one.</param>
internal sealed record VhostUserRingContext(
    VirtioDevice Device,
    ComponentHost Host,
    ulong Features,
    GuestMemory Memory,
    DirtyLog? DirtyLog,
    VhostUserInflight? Inflight)
{
    /// <summary>The rings are packed.</summary>
    public bool IsPacked => (Features & VirtioFeatures.PackedRing) != 0;
}
