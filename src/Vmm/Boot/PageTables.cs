namespace Makatea.Vmm.Boot;

/// <summary>Page tables that map the first 4 GiB to themselves with pages of 2 MiB ([SDM] volume 3, 4.5).</summary>
internal static class PageTables
{
    private const ulong PageLength = 4096;
    private const int EntriesPerTable = 512;
    private const int Directories = 4;
    private const ulong PresentWritable = 0x3;
    private const ulong LargePage = 1 << 7;
    private const ulong LargePageLength = 2 << 20;

    /// <summary>Writes them: the two upper levels in a page each, then the directories.</summary>
    internal static void WriteIdentity(GuestWriter writer, ulong address)
    {
        ulong pointers = address + PageLength;
        ulong directories = pointers + PageLength;
        writer.Clear(address, 2 * PageLength);
        writer.WriteUInt64(address, pointers | PresentWritable);
        for (uint i = 0; i < Directories; i++)
        {
            writer.WriteUInt64(pointers + i * sizeof(ulong), (directories + i * PageLength) | PresentWritable);
        }

        for (uint i = 0; i < Directories * EntriesPerTable; i++)
        {
            writer.WriteUInt64(directories + i * sizeof(ulong), i * LargePageLength | PresentWritable | LargePage);
        }
    }
}
