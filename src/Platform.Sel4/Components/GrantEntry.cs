using Makatea.Sel4;

namespace Makatea.Platform.Sel4;

/// <summary>One grant of the component, as the root task told of it.</summary>
internal sealed unsafe class GrantEntry(GrantInfo* info, string name)
{
    /// <summary>What it is.</summary>
    internal GrantKind Kind { get; } = info->Kind;

    /// <summary>Its name for the component.</summary>
    internal string Name { get; } = name;

    /// <summary>Its number among those of its kind, the same for all who have it.</summary>
    internal ulong Number { get; } = info->Number;

    /// <summary>Slot of its capability.</summary>
    internal ulong Slot { get; } = info->Slot;

    /// <summary>Where it is mapped.</summary>
    internal nint Address { get; } = (nint)info->Address;

    /// <summary>Bytes.</summary>
    internal ulong Length { get; } = info->Length;

    /// <summary>By kind.</summary>
    internal ulong Value { get; } = info->Value;

    /// <summary>By kind.</summary>
    internal ulong Detail { get; } = info->Detail;

    /// <summary>It was not taken back.</summary>
    internal bool IsThere => Volatile.Read(ref info->State) != 0;
}
