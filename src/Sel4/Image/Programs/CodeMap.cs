using Iced.Intel;
using Makatea.Sel4.Image.Elf;

namespace Makatea.Sel4.Image.Programs;

/// <summary>
/// What the bytes of a code section are: functions, which are decoded from their first instruction to their last, and data. Symbols say; where the linker discarded them, the unwind table does;
/// last, where one begins whose size is not known (a symbol without one, an initialiser), which is taken to end where the next begins.
/// </summary>
internal sealed class CodeMap
{
    private readonly ElfFile _file;
    private readonly ElfSection _section;
    private readonly Range[][] _functions;
    private readonly Range[] _data;
    private readonly Dictionary<Range, Instruction[]?> _decoded = [];

    public CodeMap(ElfFile file, int section, IReadOnlyList<(ulong Start, ulong End)> unwound, IReadOnlyList<ulong> initialisers)
    {
        _file = file;
        _section = file.Sections[section];
        ElfSymbol[] symbols = [.. file.Symbols.Where(s => s.Section == section && s.Address >= _section.Address && s.Address < End)];
        ElfSymbol[] functions = [.. symbols.Where(s => s.Type is ElfSymbol.Function or ElfSymbol.IndirectFunction)];
        ElfSymbol[] unsized = [.. functions.Where(s => s.Length == 0), .. initialisers.Where(a => a >= _section.Address && a < End).Select(a => new ElfSymbol($"initialiser at 0x{a:x}", ElfSymbol.Function, (ushort)section, a, 0))];
        ulong[] starts = [.. functions.Concat(unsized).Select(s => s.Address).Append(End).Distinct().Order()];
        _functions =
        [
            Sort(functions.Where(s => s.Length > 0).Select(s => new Range(s.Address, s.Address + s.Length, s.Name))),
            Sort(unwound.Where(f => f.Start >= _section.Address && f.Start < End).Select(f => new Range(f.Start, f.End, $"function at 0x{f.Start:x}"))),
            Sort(unsized.Select(s => new Range(s.Address, starts[Array.BinarySearch(starts, s.Address) + 1], s.Name))),
        ];
        _data = Sort(symbols.Where(s => s.Type == ElfSymbol.Data && s.Length > 0).Select(s => new Range(s.Address, s.Address + s.Length, s.Name)));
    }

    private ulong End => _section.Address + _section.Length;

    /// <summary>
    /// The instruction whose bytes include an address. Where several functions cover it (they have several names, or one lies in another) they have to agree.
    /// </summary>
    /// <param name="address">An address in the section.</param>
    /// <param name="function">A function that covers it.</param>
    /// <param name="instruction">The instruction there.</param>
    /// <returns>What the address is.</returns>
    public CodeKind Find(ulong address, out string function, out Instruction instruction)
    {
        function = "";
        instruction = default;
        bool isData = Covering(_data, address).Any();
        bool isCode = false;
        foreach (Range range in _functions.Select(f => Covering(f, address)).FirstOrDefault(f => f.Any()) ?? [])
        {
            if (isData || Decode(range) is not { } instructions || Containing(instructions, address) is not { } found)
            {
                function = range.Name;
                return CodeKind.Unknown;
            }

            if (isCode && (found.IP != instruction.IP || found.Code != instruction.Code))
            {
                return CodeKind.Unknown;
            }

            (function, instruction, isCode) = (range.Name, found, true);
        }

        return isCode ? CodeKind.Instruction : isData ? CodeKind.Data : CodeKind.Unknown;
    }

    private static Range[] Sort(IEnumerable<Range> ranges) => [.. ranges.DistinctBy(r => (r.Start, r.End)).OrderBy(r => r.Start)];

    private static IEnumerable<Range> Covering(Range[] ranges, ulong address) => ranges.TakeWhile(r => r.Start <= address).Where(r => address < r.End);

    private static Instruction? Containing(Instruction[] instructions, ulong address)
    {
        int low = 0;
        int high = instructions.Length - 1;
        while (low < high)
        {
            int middle = (low + high + 1) / 2;
            (low, high) = instructions[middle].IP <= address ? (middle, high) : (low, middle - 1);
        }

        return instructions.Length > 0 && instructions[low].IP <= address && address < instructions[low].NextIP ? instructions[low] : null;
    }

    /// <summary>All instructions of a function; <see langword="null"/> where its bytes are no whole number of instructions, as when data is among them.</summary>
    private Instruction[]? Decode(Range range)
    {
        if (!_decoded.TryGetValue(range, out Instruction[]? instructions))
        {
            instructions = range.End <= End ? Decode(_file.Contents(_section)[(int)(range.Start - _section.Address)..(int)(range.End - _section.Address)].ToArray(), range.Start) : null;
            _decoded.Add(range, instructions);
        }

        return instructions;
    }

    private static Instruction[]? Decode(byte[] code, ulong address)
    {
        var decoder = Decoder.Create(64, new ByteArrayCodeReader(code), address);
        var instructions = new List<Instruction>();
        while (decoder.IP < address + (ulong)code.Length)
        {
            decoder.Decode(out Instruction instruction);
            if (instruction.IsInvalid)
            {
                return null;
            }

            instructions.Add(instruction);
        }

        return decoder.IP == address + (ulong)code.Length ? [.. instructions] : null;
    }

    private readonly record struct Range(ulong Start, ulong End, string Name);
}

/// <summary>What bytes in a code section are.</summary>
internal enum CodeKind
{
    /// <summary>No symbol says, or those that do disagree.</summary>
    Unknown,

    /// <summary>Part of an instruction.</summary>
    Instruction,

    /// <summary>Data.</summary>
    Data,
}
