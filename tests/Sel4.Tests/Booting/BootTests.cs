using System.Text.RegularExpressions;
using Makatea.Sel4.Image.Boards;
using Makatea.Sel4.Image.Elf;
using Makatea.Sel4.Image.Modules;
using Makatea.Sel4.Tests.Boards;

namespace Makatea.Sel4.Tests.Booting;

/// <summary>Boot modules on the real kernel.</summary>
[Trait("Category", "Device")]
public sealed class BootTests
{
    [SkippableFact]
    public void The_kernel_starts_the_root_task_which_finds_the_numbers_of_the_kernel()
    {
        var board = BoardFolder.Open(RealBoard.Path);
        ElfFile rootTask = FreestandingProgram.Build("src/Sel4/RootTask", "roottask");
        byte[] module = BootModule.Build(rootTask, board.Table, [new("some", new byte[100_000])]);
        // It prints through the serial port, which takes invocations of several kinds.
        string console = KernelRun.Until(board, module, line => line.StartsWith("makatea: root task", StringComparison.Ordinal));
        Assert.Contains("Booting all finished, dropped to user space", console, StringComparison.Ordinal);
    }

    [SkippableFact]
    public void The_root_tasks_parts_work_on_the_kernel()
    {
        var board = BoardFolder.Open(RealBoard.Path);
        ElfFile trial = FreestandingProgram.Build("tests/Sel4.KernelTrial", "kerneltrial");
        string console = KernelRun.Until(board, BootModule.Build(trial, board.Table, []), line => line.StartsWith("trial: ", StringComparison.Ordinal));
        Assert.True(Regex.IsMatch(console, @"\ntrial: [1-9]\d* passed, 0 failed\n$"), console);
    }
}
