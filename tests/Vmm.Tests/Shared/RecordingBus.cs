using Makatea.Platform;

namespace Makatea.Vmm.Tests;

/// <summary>Answers every load with the same bytes and remembers every access.</summary>
internal sealed class RecordingBus : RegisterBus
{
    public const ulong Answer = 0xf1e2_d3c4_b5a6_9788;

    public List<string> Accesses { get; } = [];

    public override ulong Read(ulong address, int width)
    {
        Accesses.Add($"load 0x{address:x}, {width}");
        return Answer & RegisterWidth.Mask(width);
    }

    public override void Write(ulong address, int width, ulong value) => Accesses.Add($"store 0x{address:x}, {width}: 0x{value & RegisterWidth.Mask(width):x}");
}
