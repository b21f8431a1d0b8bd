using Makatea.Vmm.Virtio;

namespace Makatea.Vmm.Linux;

/// <summary>A device of a qube.</summary>
/// <param name="Kind"><c>disk</c> or <c>net</c>.</param>
/// <param name="Socket">Path of its back end's socket.</param>
/// <param name="FrontEnd">The device.</param>
internal sealed record QubeDevice(string Kind, string Socket, VirtioFrontEnd FrontEnd);
