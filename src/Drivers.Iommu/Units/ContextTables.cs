using Makatea.Drivers.Iommu.Tables;

namespace Makatea.Drivers.Iommu.Units;

/// <summary>
/// Root and context tables ([VT-d-4.1] 9.1 and 9.3), in legacy mode: bus to context table, device and function to the tables of a domain. What has no entry that is
/// present reaches nothing.
/// </summary>
internal sealed class ContextTables
{
    private const ulong Present = 1;
    private const int DomainShift = 8;
    private const int BusShift = 8;
    private readonly TableMemory _memory;
    private readonly TablePage _root;
    private readonly Dictionary<int, (TablePage Page, int Functions)> _buses = [];

    internal ContextTables(TableMemory memory)
    {
        _memory = memory;
        _root = memory.Allocate();
    }

    /// <summary>Physical address of the root table, for legacy mode (bits 11:10 are 0).</summary>
    internal ulong Address => _root.Address;

    /// <summary>Lets a requester reach what a table maps; translated requests and requests for translations (ATS) stay blocked.</summary>
    /// <exception cref="Platform.DmaException">There is no memory for a table.</exception>
    internal void Set(ushort requester, ushort domain, SecondLevelTable table)
    {
        int bus = requester >> BusShift;
        if (!_buses.TryGetValue(bus, out (TablePage Page, int Functions) context))
        {
            context.Page = _memory.Allocate();
            _root.Write(2 * bus, context.Page.Address | Present);
        }

        // The address width: 1 for 3 levels, 2 for 4. The half that says that the entry is present comes last.
        int index = 2 * (requester & 0xff);
        context.Page.Write(index + 1, ((ulong)domain << DomainShift) | (uint)(table.Levels - 2));
        context.Page.Write(index, table.Address | Present);
        _buses[bus] = (context.Page, context.Functions + 1);
    }

    /// <summary>Lets a requester reach nothing.</summary>
    /// <returns>The context table, where this was its last entry: to be given back once the unit has forgotten it.</returns>
    internal TablePage? Clear(ushort requester)
    {
        int bus = requester >> BusShift;
        (TablePage page, int functions) = _buses[bus];
        int index = 2 * (requester & 0xff);
        page.Write(index, 0);
        page.Write(index + 1, 0);
        if (functions > 1)
        {
            _buses[bus] = (page, functions - 1);
            return null;
        }

        _root.Write(2 * bus, 0);
        _buses.Remove(bus);
        return page;
    }
}
