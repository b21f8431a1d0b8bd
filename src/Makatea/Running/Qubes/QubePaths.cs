namespace Makatea.Running;

/// <summary>Where a qube's sockets and files are.</summary>
/// <param name="Console">UNIX socket for its serial console.</param>
/// <param name="ConsoleLog">File that gets all of the console's output.</param>
/// <param name="Disks">UNIX sockets of its disks, in their order.</param>
/// <param name="Net">UNIX socket of its port at its net domain, on which its VMM listens; null where it has no network.</param>
internal sealed record QubePaths(string Console, string ConsoleLog, IReadOnlyList<string> Disks, string? Net = null);
