using Makatea.Platform;
using Makatea.Vmm.Pci;
using Makatea.Vmm.Virtio;

namespace Makatea.Vmm.Snapshots;

/// <summary>What a snapshot's qube is made of, which has to be so before anything else is restored.</summary>
internal readonly record struct MachineState
{
    public const string Name = "machine";

    private const long MostProcessors = 255;
    private const long MostCpuid = 1 << 12;

    /// <summary>Number of processors.</summary>
    public required int Processors { get; init; }

    /// <summary>How devices are reached.</summary>
    public required VirtioTransport Transport { get; init; }

    /// <summary>Where devices are: slots of the PCI bus, or places among those of virtio-mmio.</summary>
    public required IReadOnlyList<int> Slots { get; init; }

    /// <summary>First address and length of the 64-bit window.</summary>
    public required (ulong First, ulong Length) HighWindow { get; init; }

    /// <summary>What the guest's clock showed.</summary>
    public required long Time { get; init; }

    /// <summary>What the clock of the host's virtualisation showed; null where there was none.</summary>
    public required ulong? HostClock { get; init; }

    /// <summary>Counts of the time stamp counter in a second.</summary>
    public required ulong TscFrequency { get; init; }

    /// <summary>What each processor's counter showed, all at the same time.</summary>
    public required IReadOnlyList<ulong> Tscs { get; init; }

    /// <summary>What CPUID answers on the first processor.</summary>
    public required IReadOnlyList<CpuidEntry> Cpuid { get; init; }

    public static MachineState Read(StateReader reader)
    {
        int processors = (int)reader.Read(1, MostProcessors);
        return new()
        {
            Processors = processors,
            Transport = (VirtioTransport)reader.Read(0, (long)VirtioTransport.Mmio),
            Slots = ReadAll((int)reader.Read(0, PciHostBridge.Slots), () => (int)reader.Read(0, PciHostBridge.Slots - 1)),
            HighWindow = (reader.Read(), reader.Read()),
            Time = reader.Read(0, long.MaxValue / 2),
            HostClock = reader.ReadFlag() ? reader.Read() : null,
            TscFrequency = reader.Read(),
            Tscs = ReadAll(processors, reader.Read),
            Cpuid = ReadAll((int)reader.Read(0, MostCpuid), () => new CpuidEntry(
                reader.ReadUInt32(), reader.ReadFlag() ? reader.ReadUInt32() : null, reader.ReadUInt32(), reader.ReadUInt32(), reader.ReadUInt32(), reader.ReadUInt32())),
        };
    }

    public void Save(StateWriter writer)
    {
        writer.Write(Processors);
        writer.Write((int)Transport);
        writer.Write(Slots.Count);
        foreach (int slot in Slots)
        {
            writer.Write(slot);
        }

        writer.Write(HighWindow.First);
        writer.Write(HighWindow.Length);
        writer.Write(Time);
        writer.Write(HostClock is not null);
        if (HostClock is { } clock)
        {
            writer.Write(clock);
        }

        writer.Write(TscFrequency);
        foreach (ulong tsc in Tscs)
        {
            writer.Write(tsc);
        }

        writer.Write(Cpuid.Count);
        foreach (CpuidEntry entry in Cpuid)
        {
            Save(writer, entry);
        }
    }

    /// <summary>Checks that a processor answers CPUID as the saved one did: a guest does not ask twice.</summary>
    /// <exception cref="InvalidDataException">It does not.</exception>
    public void CheckCpuid(IReadOnlyList<CpuidEntry> here)
    {
        ArgumentNullException.ThrowIfNull(here);
        for (int i = 0; i < Math.Max(here.Count, Cpuid.Count); i++)
        {
            CpuidEntry? saved = i < Cpuid.Count ? Cpuid[i] : null;
            CpuidEntry? now = i < here.Count ? here[i] : null;
            if (saved != now)
            {
                throw new InvalidDataException($"the snapshot is of another kind of processor: CPUID answers {Describe(now)}, and answered {Describe(saved)}");
            }
        }
    }

    private static string Describe(CpuidEntry? entry) => entry is { } e
        ? $"0x{e.Leaf:x}{(e.Subleaf is { } subleaf ? $".{subleaf}" : "")} with {e.Eax:x8} {e.Ebx:x8} {e.Ecx:x8} {e.Edx:x8}"
        : "nothing more";

    private static T[] ReadAll<T>(int count, Func<T> read)
    {
        var all = new T[count];
        for (int i = 0; i < count; i++)
        {
            all[i] = read();
        }

        return all;
    }

    private static void Save(StateWriter writer, CpuidEntry entry)
    {
        writer.Write(entry.Leaf);
        writer.Write(entry.Subleaf is not null);
        if (entry.Subleaf is { } subleaf)
        {
            writer.Write(subleaf);
        }

        writer.Write(entry.Eax);
        writer.Write(entry.Ebx);
        writer.Write(entry.Ecx);
        writer.Write(entry.Edx);
    }
}
