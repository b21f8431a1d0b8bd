using Makatea.Vmm.Virtio;

namespace Makatea.Vmm.Linux;

/// <summary>A device of a qube.</summary>
/// <param name="Kind"><c>disk</c> or <c>net</c>.</param>
/// <param name="Socket">Path of its back end's socket.</param>
/// <param name="FrontEnd">The device.</param>
/// <param name="Id">Its name on the monitor; null where it was there from the start.</param>
internal sealed record QubeDevice(string Kind, string Socket, VirtioFrontEnd FrontEnd, string? Id = null)
{
    /// <summary>The guest is asked to give it up.</summary>
    public bool IsLeaving { get; set; }
}
