namespace Makatea.Sel4.LinuxAbi;

/// <summary>
/// Memory of the program, as system calls name it. The layer reads and writes it where it lies; a fault of its own would end the component, so what is touched is looked up first.
/// </summary>
internal static unsafe class UserMemory
{
    /// <summary>Memory may be read: it is there from now on.</summary>
    internal static bool CanRead(ulong address, ulong length) => TryReach(address, length, PageRights.Read);

    /// <summary>Memory may be written.</summary>
    internal static bool CanWrite(ulong address, ulong length) => TryReach(address, length, PageRights.Write);

    /// <summary>Writes a number, where the address is one.</summary>
    internal static bool TryWrite(ulong address, ulong value)
    {
        if (!CanWrite(address, sizeof(ulong)))
        {
            return false;
        }

        *(ulong*)address = value;
        return true;
    }

    /// <summary>Writes a number of 32 bits.</summary>
    internal static bool TryWrite32(ulong address, uint value)
    {
        if (!CanWrite(address, sizeof(uint)))
        {
            return false;
        }

        *(uint*)address = value;
        return true;
    }

    /// <summary>Reads a text up to its zero.</summary>
    /// <param name="address">Where it is.</param>
    /// <param name="target">Where it goes, with the zero.</param>
    /// <param name="capacity">How many bytes there is room for.</param>
    /// <returns>Its length, or an error.</returns>
    internal static long ReadText(ulong address, byte* target, int capacity)
    {
        for (int i = 0; i < capacity; i++)
        {
            if ((i == 0 || ((address + (ulong)i) & (RegionTable.PageSize - 1)) == 0) && !CanRead(address + (ulong)i, 1))
            {
                return Errno.Fault;
            }

            target[i] = *(byte*)(address + (ulong)i);
            if (target[i] == 0)
            {
                return i;
            }
        }

        return Errno.NameTooLong;
    }

    private static bool TryReach(ulong address, ulong length, PageRights rights)
    {
        if (length > ComponentLayout.FreeEnd || address > ComponentLayout.FreeEnd - length)
        {
            return false;
        }

        for (ulong page = address & ~(RegionTable.PageSize - 1); page < address + length; page += RegionTable.PageSize)
        {
            if (AddressSpace.Touch(page, rights) != PageOutcome.There)
            {
                return false;
            }
        }

        return true;
    }
}
