namespace Makatea.Drivers.Nvme;

/// <summary>What a namespace is called wherever it is attached ([NVMe-2.1] Figure 317, Namespace Identification Descriptor list).</summary>
internal static class NamespaceIdentifier
{
    private const byte UuidType = 3;
    private const int UuidLength = 16;
    private const int HeaderLength = 4;

    /// <summary>The UUID in a list of descriptors.</summary>
    /// <returns>Empty where there is none; a list that runs over its end is read up to there.</returns>
    internal static string FindUuid(ReadOnlySpan<byte> descriptors)
    {
        while (descriptors.Length >= HeaderLength)
        {
            int length = descriptors[1];
            if (length == 0 || length > descriptors.Length - HeaderLength)
            {
                break;
            }

            ReadOnlySpan<byte> identifier = descriptors.Slice(HeaderLength, length);
            if (descriptors[0] == UuidType && length == UuidLength && identifier.ContainsAnyExcept((byte)0))
            {
                return new Guid(identifier, bigEndian: true).ToString();
            }

            descriptors = descriptors[(HeaderLength + length)..];
        }

        return "";
    }

    /// <summary>NGUID or EUI64 in Identify Namespace, in hexadecimal digits; empty where there is neither.</summary>
    internal static string Read(IdentifyReader reader)
    {
        const int Nguid = 104;
        const int Eui64 = 120;
        return !reader.IsZero(Nguid, 16) ? reader.Hex(Nguid, 16) : !reader.IsZero(Eui64, 8) ? reader.Hex(Eui64, 8) : "";
    }
}
