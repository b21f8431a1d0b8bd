namespace Makatea.Vmm.Virtio;

/// <summary>64-bit fields that are written in halves.</summary>
internal static class Halves
{
    internal static ulong Low(ulong field, uint value) => (field & 0xffff_ffff_0000_0000) | value;

    internal static ulong High(ulong field, uint value) => (field & uint.MaxValue) | (ulong)value << 32;
}
