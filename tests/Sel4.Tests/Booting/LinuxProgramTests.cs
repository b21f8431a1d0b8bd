using System.Globalization;
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

    /// <summary>How long the collector is put under load.</summary>
    private static readonly int _seconds = int.Parse(Environment.GetEnvironmentVariable("MAKATEA_SEL4_STRESS_SECONDS") ?? "60", CultureInfo.InvariantCulture);

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
                    Arguments = ["program", _seconds.ToString(CultureInfo.InvariantCulture)],
                    Memory = 64 << 20,
                    Threads = 220,
                    Waiters = 2,
                    Priority = 50,
                    Budget = 1000,
                    Period = 1000,
                    Flags = ComponentFlags.Start,
                },
            ],
        };
        byte[] module = BootModule.Build(rootTask, board.Table, [
            new(ManifestLayout.FileName, manifest.ToBytes()),
            new(Layer, layer.WithoutSections()),
            new(Program, ElfFile.Parse(Program, program.Bytes).WithoutSections()),
        ]);
        string console = KernelRun.Until(board, module, line => line.StartsWith("makatea: program: ended", StringComparison.Ordinal), TimeSpan.FromSeconds(120 + _seconds));
        string said = console[console.IndexOf("makatea:", StringComparison.Ordinal)..];
        Assert.True(said.Contains("\nprogram: 24 passed, 0 failed\n", StringComparison.Ordinal) && !said.Contains("layer: ", StringComparison.Ordinal), said);
    }
}
