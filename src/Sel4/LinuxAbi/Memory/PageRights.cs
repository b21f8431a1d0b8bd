namespace Makatea.Sel4.LinuxAbi;

/// <summary>What a program may do with a page: Linux's PROT values.</summary>
[System.Flags]
internal enum PageRights : byte
{
    None = 0,
    Read = 1,
    Write = 2,
    Execute = 4,
    All = 7,
}
