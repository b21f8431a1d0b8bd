namespace Makatea.Vmm.Tests;

/// <summary>Local APICs of some processors on a bus, in stepped time, and how often each was woken.</summary>
internal sealed class ApicBed
{
    public const ulong TscFrequency = 2_000_000_000;

    public const uint Enabled = 0x100 | 0xff;

    private readonly int[] _wakes;

    public ApicBed(int processors = 1, bool enable = true)
    {
        _wakes = new int[processors];
        Apics = [.. Enumerable.Range(0, processors).Select(i =>
            new LocalApic(Bus, (uint)i, i == 0, Time.Queue, new TscClock(Time.Clock, TscFrequency, () => Tsc), () => Interlocked.Increment(ref _wakes[i])))];
        if (enable)
        {
            Array.ForEach(Apics, a => a.Write(LocalApicRegister.SpuriousVector, 4, Enabled));
        }
    }

    public SteppedTime Time { get; } = new();

    public LocalApicBus Bus { get; } = new();

    public LocalApic[] Apics { get; }

    public LocalApic Apic => Apics[0];

    public ulong Tsc => (ulong)Time.Clock.Now * 2;

    public int Wakes(int processor = 0) => Volatile.Read(ref _wakes[processor]);

    public void Write(uint register, uint value, int processor = 0) => Apics[processor].Write(register, 4, value);

    public uint Read(uint register, int processor = 0) => (uint)Apics[processor].Read(register, 4);

    public void Extend(int processor = 0)
    {
        Assert.True(Apics[processor].TryReadMsr(LocalApicMsr.Base, out ulong old));
        Assert.True(Apics[processor].TryWriteMsr(LocalApicMsr.Base, old | LocalApicMsr.BaseIsExtended));
    }

    /// <summary>What a processor takes now, and ends.</summary>
    public byte? Take(int processor = 0)
    {
        if (!Apics[processor].TryTakeInterrupt(out byte vector))
        {
            return null;
        }

        Assert.True(Apics[processor].IsExtended
            ? Apics[processor].TryWriteMsr(0x80b, 0)
            : WriteEnd(processor));
        return vector;
    }

    /// <summary>Which processors have a vector, and take it.</summary>
    public int[] Takers(byte vector) => [.. Enumerable.Range(0, Apics.Length).Where(i => Take(i) == vector)];

    private bool WriteEnd(int processor)
    {
        Write(LocalApicRegister.EndOfInterrupt, 0, processor);
        return true;
    }
}
