using static Makatea.Vmm.Policy.CpuidRegister;

namespace Makatea.Vmm.Policy;

/// <summary>A feature that processors have and guests don't get.</summary>
/// <param name="Name">As Linux calls it.</param>
/// <param name="Leaf">EAX of the question.</param>
/// <param name="Subleaf">ECX of the question.</param>
/// <param name="Register">Where in the answer.</param>
/// <param name="Bit">Its bit; -1 where the whole leaf is left out.</param>
/// <param name="Why">The reason.</param>
public sealed record DeniedFeature(string Name, uint Leaf, uint Subleaf, CpuidRegister Register, int Bit, string Why);

/// <summary>Why features that one may look for are not there. That they are denied follows from <see cref="AllowedFeatures"/>.</summary>
public static class DeniedFeatures
{
    private const string Virtualisation = "guests run no guests: it would give them the largest interface of the host's kernel";
    private const string Performance = "counters see what else runs on the core";
    private const string Power = "power and heat are the host's, and their state tells of other guests";
    private const string Idle = "waiting without an exit keeps the core from others";
    private const string Memory = "it controls what the host's own use of memory and caches depends on";
    private const string Transactions = "transactions leak by asynchronous aborts (TAA), and hosts turn them off";

    /// <summary>All of them.</summary>
    public static IReadOnlyList<DeniedFeature> All { get; } =
    [
        new("vmx", 1, 0, Ecx, 5, Virtualisation),
        new("svm", 0x8000_0001, 0, Ecx, 2, Virtualisation),
        new("skinit", 0x8000_0001, 0, Ecx, 12, Virtualisation),
        new("monitor", 1, 0, Ecx, 3, Idle),
        new("mwaitx", 0x8000_0001, 0, Ecx, 29, Idle),
        new("waitpkg", 7, 0, Ecx, 5, Idle),
        new("pdcm", 1, 0, Ecx, 15, Performance),
        new("dts", 1, 0, Edx, 21, Performance),
        new("intel_pt", 7, 0, Ebx, 25, Performance),
        new("arch_lbr", 7, 0, Edx, 19, Performance),
        new("ibs", 0x8000_0001, 0, Ecx, 10, Performance),
        new("perfctr_core", 0x8000_0001, 0, Ecx, 23, Performance),
        new("pmu", 0xa, 0, Eax, -1, Performance),
        new("perfmon_v2", 0x8000_0022, 0, Eax, 0, Performance),
        new("est", 1, 0, Ecx, 7, Power),
        new("tm2", 1, 0, Ecx, 8, Power),
        new("acpi", 1, 0, Edx, 22, Power),
        new("tm", 1, 0, Edx, 29, Power),
        new("mce", 1, 0, Edx, 7, "machine checks are the host's"),
        new("mca", 1, 0, Edx, 14, "machine checks are the host's"),
        new("tsc_adjust", 7, 0, Ebx, 1, "the time stamp counter is the VMM's to set: it follows the clock"),
        new("hle", 7, 0, Ebx, 4, Transactions),
        new("rtm", 7, 0, Ebx, 11, Transactions),
        new("sgx", 7, 0, Ebx, 2, "enclaves hide code from their own qube"),
        new("cqm", 7, 0, Ebx, 12, Memory),
        new("rdt_a", 7, 0, Ebx, 15, Memory),
        new("mpx", 7, 0, Ebx, 14, "no processor of these days has it"),
        new("la57", 7, 0, Ecx, 16, "the VMM walks page tables of four levels"),
        new("bus_lock_detect", 7, 0, Ecx, 24, "the host uses it itself"),
        new("enqcmd", 7, 0, Ecx, 29, "work queues of devices are shared with the host"),
        new("key_locker", 7, 0, Ecx, 23, "its key outlives a qube"),
        new("shstk", 7, 0, Ecx, 7, "its state is not in snapshots yet"),
        new("ibt", 7, 0, Edx, 20, "its state is not in snapshots yet"),
        new("pks", 7, 0, Ecx, 31, "the VMM's page walk does not know its keys"),
        new("amx_tile", 7, 0, Edx, 24, "8 KiB of state a processor, which the host hands out only on request"),
        new("osvw", 0x8000_0001, 0, Ecx, 9, "errata are the host's to work around"),
    ];
}
