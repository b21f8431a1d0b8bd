using System.Buffers.Binary;

namespace Makatea.Vmm.Policy;

/// <summary>
/// Leaves 0x40000000 and up: who runs the guest. On KVM the guest is told that it is KVM, with its clock and nothing else: it then knows the frequency of the time stamp counter to the
/// last Hz and uses x2APIC, which Linux does not in an unknown machine. What KVM has more (events without an exit, asynchronous page faults) goes by KVM's own APIC, which is not used.
/// Elsewhere it is told our own name, and the frequency in leaf 0x40000010.
/// </summary>
internal static class HypervisorLeaves
{
    internal const uint First = 0x4000_0000;
    internal const uint KvmFeatures = 0x4000_0001;
    internal const uint Timing = 0x4000_0010;

    // The clock by its newer MSRs, no delays at ports, and the clock does not jump between processors.
    private const uint KvmClock = 1 << 3;
    private const uint AllowedKvmFeatures = KvmClock | 1 << 1 | 1 << 24;

    /// <summary>Whether the guest has KVM's clock.</summary>
    internal static bool HasKvmClock(CpuidTable table) => table.Has(KvmFeatures) && (table[KvmFeatures].Eax & KvmClock) != 0;

    internal static void Set(CpuidTable table, CpuidTable host, string hostName, ulong tscFrequency)
    {
        uint features = hostName == "KVM" ? host[KvmFeatures].Eax & AllowedKvmFeatures : 0;
        bool isKvm = (features & KvmClock) != 0;
        ReadOnlySpan<byte> name = isKvm ? "KVMKVMKVM\0\0\0"u8 : "MakateaVMM\0\0"u8;
        table.Set(new(First, null, tscFrequency == 0 ? KvmFeatures : Timing, Word(name, 0), Word(name, 4), Word(name, 8)));
        table.Set(new(KvmFeatures, null, features, 0, 0, 0));
        if (tscFrequency != 0)
        {
            table.Set(new(Timing, null, (uint)(tscFrequency / 1000), TimeLeaves.Crystal / 1000, 0, 0));
        }
    }

    private static uint Word(ReadOnlySpan<byte> name, int at) => BinaryPrimitives.ReadUInt32LittleEndian(name[at..]);
}
