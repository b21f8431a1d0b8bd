using System.Text.RegularExpressions;
using Makatea.Sel4.Image.Boards;
using Makatea.Sel4.Image.Elf;
using Makatea.Sel4.Image.Modules;
using Makatea.Sel4.Tests.Boards;

namespace Makatea.Sel4.Tests.Booting;

/// <summary>Boot modules on the real kernel with VT-x, in Bochs.</summary>
[Trait("Category", "Device")]
public sealed class VtxTests
{
    private static readonly TimeSpan _patience = TimeSpan.FromMinutes(5);

    [SkippableFact]
    public void The_kernel_with_VT_x_starts_the_root_task()
    {
        var board = BoardFolder.Open(RealBoard.VtxPath);
        ElfFile rootTask = FreestandingProgram.Build("src/Sel4/RootTask", "roottask");
        string console = BochsRun.Until(board, BootModule.Build(rootTask, board.Table, []), "makatea: root task", _patience);
        Assert.Contains("Booting all finished, dropped to user space", console, StringComparison.Ordinal);
    }

    /// <summary>With those of guests.</summary>
    [SkippableFact]
    public void The_root_tasks_parts_work_on_the_kernel_with_VT_x()
    {
        var board = BoardFolder.Open(RealBoard.VtxPath);
        ElfFile trial = FreestandingProgram.Build("tests/Sel4.KernelTrial", "kerneltrial");
        string console = BochsRun.Until(board, BootModule.Build(trial, board.Table, []), "trial: ", _patience);
        Assert.Matches(@"(?m)^passed: guests come and go without a loss$", console);
        Assert.True(Regex.IsMatch(console, @"\ntrial: [1-9]\d* passed, 0 failed\n"), console);
    }
}
