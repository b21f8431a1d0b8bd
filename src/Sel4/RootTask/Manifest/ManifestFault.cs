namespace Makatea.Sel4;

/// <summary>What is wrong with a manifest, and with which entry of a table.</summary>
internal enum ManifestFault
{
    None,

    /// <summary>It is no manifest, of another version, or cut off.</summary>
    Header,

    /// <summary>A table or a text is outside the file, or a table has too many entries.</summary>
    Table,

    /// <summary>A component's name is empty, or two have the same.</summary>
    Name,

    /// <summary>Memory that is not whole pages; a region without any.</summary>
    Memory,

    /// <summary>Too many threads or waiters, a priority out of range, a budget above the period.</summary>
    Schedule,

    /// <summary>Arguments or environment that do not end with a zero, or are too long.</summary>
    Arguments,

    /// <summary>A component's grants are not in the table, or another's.</summary>
    GrantRange,

    /// <summary>A grant of nothing, or of something that there is not.</summary>
    Grant,

    /// <summary>Two hear one doorbell, or two have one function.</summary>
    Shared,
}
