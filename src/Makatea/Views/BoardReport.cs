using System.Text.Json.Serialization;
using Makatea.Sel4;
using Makatea.Sel4.Image.Boards;
using Makatea.Systems;

namespace Makatea.Views;

/// <summary>A board folder, as <c>makatea board --json</c> shows it.</summary>
/// <param name="Folder">Where it is.</param>
/// <param name="Kernel32">The kernel as boot loaders take it.</param>
/// <param name="Kernel64">The kernel with its symbols.</param>
/// <param name="Summary">Its configuration in a line.</param>
/// <param name="Fits">Makatea runs on it.</param>
/// <param name="Problems">Why it does not.</param>
/// <param name="Values">What images are told of it, by name; none where it does not fit. System calls are negative.</param>
internal sealed record BoardReport(
    string Folder, string? Kernel32, string? Kernel64, string? Summary, bool Fits, IReadOnlyList<BoardProblem> Problems, IReadOnlyDictionary<string, long> Values)
{
    /// <summary>Reports on a folder.</summary>
    public static BoardReport Of(BoardFolder board) => new(
        board.Path, board.Kernel32, board.Kernel64, board.Configuration is { } configuration ? Summarize(configuration) : null, board.Fits, board.Problems,
        board.Fits ? Enumerable.Range(0, (int)BoardValue.Count).ToDictionary(v => ((BoardValue)v).ToString(), v => unchecked((long)board.Table[(BoardValue)v])) : []);

    /// <summary>What a kernel was made for.</summary>
    public static string Summarize(KernelConfiguration configuration) => string.Join(", ",
    [
        configuration["SEL4_ARCH"] ?? "no architecture",
        configuration.IsOn("KERNEL_MCS") ? "MCS" : "no MCS",
        configuration.IsOn("DEBUG_BUILD") ? "debug" : "release",
        configuration.IsOn("PRINTING") ? "prints" : "does not print",
        configuration.IsOn("VTX") ? "VT-x" : "no VT-x",
        configuration.IsOn("IOMMU") ? "IOMMU" : "no IOMMU",
        Phrase.Count((int)Math.Min(configuration.Number("MAX_NUM_NODES") ?? 0, int.MaxValue), "processor"),
    ]);
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, WriteIndented = true)]
[JsonSerializable(typeof(BoardReport))]
internal sealed partial class BoardReportJson : JsonSerializerContext;
