namespace Makatea.Qemu;

/// <summary>What the wire of a device model is, in QEMU's words. What is on a UNIX socket comes as frames behind their lengths in 32 bits, big-endian.</summary>
internal static class QemuWire
{
    /// <summary>Argument of <c>-netdev</c>.</summary>
    /// <param name="wire"><c>user</c>, <c>connect:PATH</c> or <c>listen:PATH</c>.</param>
    /// <param name="id">Name of the wire.</param>
    public static string Netdev(string wire, string id) => wire.Split(':', 2) switch
    {
        ["connect", { } path] => $"stream,id={id},server=off,addr.type=unix,addr.path={Escape(Path.GetFullPath(path))}",
        ["listen", { } path] => $"stream,id={id},server=on,addr.type=unix,addr.path={Escape(Path.GetFullPath(path))}",
        _ => $"user,id={id}",
    };

    /// <summary>In QEMU's option syntax a comma ends a value unless doubled.</summary>
    public static string Escape(string value) => value.Replace(",", ",,", StringComparison.Ordinal);
}
