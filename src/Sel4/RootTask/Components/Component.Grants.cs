namespace Makatea.Sel4;

/// <content>What it is told of what it is granted.</content>
internal unsafe partial struct Component
{
    /// <summary>Adds an entry to what the component is told.</summary>
    internal GrantInfo* AddGrant(GrantKind kind, ulong number, Text name)
    {
        GrantInfo* info = (GrantInfo*)((byte*)Info + InfoWriter.GrantsOffset) + Info->GrantCount++;
        *info = default;
        info->Kind = kind;
        info->Number = number;
        info->NameOffset = _texts.Write(name);
        info->NameLength = _texts.IsFull ? 0 : name.Length;
        return info;
    }

    /// <summary>Takes addresses for something that is mapped.</summary>
    /// <param name="length">Bytes.</param>
    /// <param name="gap">What the address is a multiple of, and left free behind.</param>
    internal ulong TakeAddresses(ulong length, ulong gap)
    {
        ulong address = NextAddress;
        NextAddress = (address + length + (2 * gap) - 1) & ~(gap - 1);
        return address;
    }
}
