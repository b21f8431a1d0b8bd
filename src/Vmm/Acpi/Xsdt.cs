namespace Makatea.Vmm.Acpi;

/// <summary>The list of the other tables ([ACPI-6.5] 5.2.8).</summary>
internal static class Xsdt
{
    internal static byte[] Create(IEnumerable<ulong> tables)
    {
        TableBuilder table = new("XSDT", 1);
        foreach (ulong address in tables)
        {
            table.Add(address);
        }

        return table.Close();
    }
}
