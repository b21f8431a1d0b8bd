namespace Makatea.Running;

/// <summary>What the user lets a system do to this machine's devices.</summary>
/// <param name="Bind">Take the functions that the system file names from their drivers, for as long as the system runs.</param>
/// <param name="AllowUnprotected">Go on where no IOMMU keeps a function to what its domain was granted.</param>
/// <param name="Command">The command that runs the system, for messages to add options to.</param>
internal sealed record DeviceOptions(bool Bind, bool AllowUnprotected, string Command);
