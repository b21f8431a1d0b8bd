namespace Makatea.Sel4;

/// <summary>What a capability lets its holder do (seL4_CapRights).</summary>
[System.Flags]
internal enum CapabilityRights : ulong
{
    Write = 1,
    Read = 2,
    Grant = 4,
    GrantReply = 8,
    ReadWrite = Read | Write,
    All = 15,
}
