using System.Text.Json.Nodes;
using Makatea.Sel4.Tests.Boards;

namespace Makatea.Tests.Cli;

public sealed class BoardCommandTests : IDisposable
{
    private readonly TestBoard _board = new();

    [Fact]
    public void A_board_that_fits_is_shown()
    {
        (int exit, string output, string error) = ApplicationTests.Run("board", _board.Path);
        Assert.Equal((0, ""), (exit, error));
        Assert.Contains($"folder   {_board.Path}\nkernel   elf/sel4_32.elf to boot, elf/sel4.elf for its symbols\n", output, StringComparison.Ordinal);
        Assert.EndsWith("fits\n", output, StringComparison.Ordinal);
    }

    [Fact]
    public void A_board_that_does_not_fit_exits_with_1_and_says_all_that_is_wrong()
    {
        _board.Options["KERNEL_MCS"] = false;
        _board.Options["MAX_NUM_NODES"] = "8";
        _board.Save();
        (int exit, string output, _) = ApplicationTests.Run("board", _board.Path);
        Assert.Equal(1, exit);
        Assert.Contains("does not fit:\n  KERNEL_MCS is false, needed is true", output, StringComparison.Ordinal);
        Assert.Contains("\n  MAX_NUM_NODES is 8, needed is 1", output, StringComparison.Ordinal);
    }

    [Fact]
    public void Json_has_the_numbers_or_the_problems()
    {
        JsonNode report = JsonNode.Parse(ApplicationTests.Run("board", _board.Path, "--json").Output)!;
        Assert.True(report["fits"]!.GetValue<bool>());
        Assert.Equal(-23, report["values"]!["SysYield"]!.GetValue<long>());
        Assert.Equal(_board.Labels["CNodeMint"], report["values"]!["CNodeMint"]!.GetValue<int>());

        _board.Remove("elf/sel4_32.elf");
        (int exit, string output, _) = ApplicationTests.Run("board", _board.Path, "--json");
        JsonNode problem = JsonNode.Parse(output)!["problems"]!.AsArray().Single()!;
        Assert.Equal((1, "sel4_32.elf", "missing"), (exit, problem["subject"]!.GetValue<string>(), problem["found"]!.GetValue<string>()));
    }

    [Fact]
    public void A_folder_that_is_not_there_exits_with_1()
    {
        (int exit, _, string error) = ApplicationTests.Run("board", "/nonexistent");
        Assert.Equal(1, exit);
        Assert.StartsWith("makatea: error: found no folder /nonexistent", error, StringComparison.Ordinal);
    }

    public void Dispose() => _board.Dispose();
}
