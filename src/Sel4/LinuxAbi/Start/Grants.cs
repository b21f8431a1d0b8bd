namespace Makatea.Sel4.LinuxAbi;

/// <summary>What the component was given, as the root task tells it.</summary>
internal static unsafe class Grants
{
    private static ComponentInfo* s_info;

    internal static void Start(ComponentInfo* info) => s_info = info;

    /// <summary>How many there are.</summary>
    internal static uint Count => (uint)s_info->GrantCount;

    internal static GrantInfo* Get(uint index) => (GrantInfo*)((byte*)s_info + s_info->GrantsOffset) + index;

    /// <summary>The name of a grant, not terminated.</summary>
    internal static byte* NameOf(GrantInfo* grant) => (byte*)s_info + grant->NameOffset;

    /// <summary>A grant of a kind by its number, that is there now; or null.</summary>
    internal static GrantInfo* Find(GrantKind kind, ulong number)
    {
        for (uint i = 0; i < Count; i++)
        {
            GrantInfo* grant = Get(i);
            if (grant->Kind == kind && grant->Number == number && grant->State == 1)
            {
                return grant;
            }
        }

        return null;
    }

    /// <summary>The grant that is mapped at an address now; or null. Those of connections come and go.</summary>
    internal static GrantInfo* FindMapped(ulong address)
    {
        for (uint i = 0; i < Count; i++)
        {
            GrantInfo* grant = Get(i);
            if (grant->Address != 0 && address - grant->Address < grant->Length && grant->State == 1)
            {
                return grant;
            }
        }

        return null;
    }
}
