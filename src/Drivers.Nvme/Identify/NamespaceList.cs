namespace Makatea.Drivers.Nvme;

/// <summary>A list of 1024 namespace identifiers, ascending, ended by 0 ([NVMe-2.1] Figure 138).</summary>
internal static class NamespaceList
{
    internal const int Capacity = 1024;

    /// <summary>Appends the identifiers in <paramref name="data"/>, which are more than <paramref name="after"/>.</summary>
    /// <returns>True where the list was full, so that there may be more.</returns>
    /// <exception cref="NvmeException">It is not ascending, or names more than there can be.</exception>
    internal static bool Append(List<uint> namespaces, ReadOnlySpan<byte> data, uint after, uint most)
    {
        var reader = new IdentifyReader(data);
        for (int i = 0; i < Capacity; i++)
        {
            uint id = reader.UInt32(4 * i);
            if (id == 0)
            {
                return false;
            }

            if (id <= after || id > most)
            {
                throw new NvmeException(NvmeFault.Protocol, $"the list of namespaces names {id} after {after}; it ascends to {most} at most");
            }

            namespaces.Add(id);
            after = id;
        }

        return true;
    }
}
