namespace Makatea.NetStack;

/// <summary>The two ends of a connection.</summary>
internal readonly record struct TcpKey(IpAddress Local, ushort LocalPort, IpAddress Remote, ushort RemotePort)
{
    /// <summary>Hash of both ends under a secret.</summary>
    internal ulong Hash(UInt128 key)
    {
        var hash = new SipHash(key);
        hash.Add(Local.Value);
        hash.Add(Remote.Value);
        hash.Add(((ulong)LocalPort << 16) | RemotePort);
        return hash.Finish();
    }

    public override string ToString() => $"{Remote} port {RemotePort}";
}
