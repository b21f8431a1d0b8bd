namespace Makatea.NetStack;

/// <summary>Options of router discovery that are used here.</summary>
internal enum RouterOption : byte
{
    SourceLinkAddress = 1,
    Prefix = 3,
    Mtu = 5,
    DnsServers = 25,
}

/// <summary>Goes through the options of a message: a byte of type, a byte of length in units of eight bytes, data ([RFC 4861] 4.6).</summary>
internal ref struct RouterOptions(ReadOnlySpan<byte> options)
{
    private ReadOnlySpan<byte> _rest = options;

    internal RouterOption Type { get; private set; }

    /// <summary>The whole option, with type and length.</summary>
    internal ReadOnlySpan<byte> Option { get; private set; }

    /// <summary>Whether all options have a length, and lie in the message ([RFC 4861] 6.1.2).</summary>
    internal static bool AreIntact(ReadOnlySpan<byte> options)
    {
        var reader = new RouterOptions(options);
        while (reader.MoveNext())
        {
        }

        return reader._rest.Length == 0;
    }

    internal bool MoveNext()
    {
        int length = _rest.Length < 8 ? 0 : _rest[1] * 8;
        if (length == 0 || length > _rest.Length)
        {
            return false;
        }

        Type = (RouterOption)_rest[0];
        Option = _rest[..length];
        _rest = _rest[length..];
        return true;
    }
}
