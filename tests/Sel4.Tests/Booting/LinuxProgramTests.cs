using Makatea.Sel4.Image.Boards;
using Makatea.Sel4.Image.Elf;
using Makatea.Sel4.Image.Manifests;
using Makatea.Sel4.Image.Modules;
using Makatea.Sel4.Image.Programs;
using Makatea.Sel4.Tests.Boards;
using Makatea.Sel4.Tests.Programs;

namespace Makatea.Sel4.Tests.Booting;

/// <summary>.NET programs for Linux in components on the real kernel.</summary>
[Trait("Category", "Device")]
public sealed class LinuxProgramTests
{
    private const string Program = "linuxprogram";
    private const string Layer = "linuxabi";

    /// <summary>How long the collector is put under load; the full run asks for a minute.</summary>
    private static readonly string _seconds = Environment.GetEnvironmentVariable("MAKATEA_SEL4_STRESS_SECONDS") ?? "5";

    [SkippableFact]
    public void A_NET_program_finds_what_it_uses_of_Linux()
    {
        var board = BoardFolder.Open(RealBoard.Path);
        ElfFile rootTask = FreestandingProgram.Build("src/Sel4/RootTask", "roottask");
        ElfFile layer = FreestandingProgram.Build("src/Sel4/LinuxAbi", Layer);
        RewrittenImage program = SyscallRewriter.Rewrite(StaticProgram.Publish("LinuxProgram", Program));
        var manifest = new Manifest
        {
            Components =
            [
                new()
                {
                    Name = "program",
                    Program = Program,
                    Layer = Layer,
                    Arguments = ["program", _seconds],
                    Memory = 64 << 20,
                    Threads = 40,
                    Priority = 50,
                    Budget = 1000,
                    Period = 1000,
                    Flags = ComponentFlags.Start,
                },
            ],
        };
        byte[] module = BootModule.Build(rootTask, board.Table, [new(ManifestLayout.FileName, manifest.ToBytes()), new(Layer, layer.Bytes.ToArray()), new(Program, program.Bytes)]);
        string console = KernelRun.Until(board, module, line => line.StartsWith("makatea: program: ", StringComparison.Ordinal));
        Assert.Matches(@"\nprogram: 21 passed, 0 failed\n", console);
        Assert.DoesNotContain("layer: ", console, StringComparison.Ordinal);
    }
}
