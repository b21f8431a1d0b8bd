namespace Makatea.Vmm.Virtio;

/// <summary>A device that somebody outside of the guest serves: it stands still between <see cref="Suspend"/> and <see cref="Resume"/>, and is saved then. One that was restored stands still too.</summary>
internal interface ISuspendable
{
    /// <summary>Has it stand still.</summary>
    /// <exception cref="VirtioFrontEndException">It cannot.</exception>
    void Suspend();

    /// <summary>Lets it go on.</summary>
    /// <exception cref="VirtioFrontEndException">It cannot; the guest is told.</exception>
    void Resume();
}
