using System.Globalization;

namespace Makatea.EndToEnd.Sel4;

/// <summary>The virtual machine monitor as a component, on the kernel with VT-x in Bochs.</summary>
[Trait("Category", "Device")]
public sealed class Sel4GuestTests
{
    private static readonly string? _board = Environment.GetEnvironmentVariable("MAKATEA_SEL4_BOARD_VTX");

    [SkippableFact]
    public void A_component_runs_a_guest_until_it_powers_itself_off()
    {
        Skip.If(string.IsNullOrEmpty(_board), "needs a board folder of the Microkit SDK with VT-x: set MAKATEA_SEL4_BOARD_VTX (docs/SEL4.md)");
        Skip.IfNot(File.Exists("/usr/bin/bochs-bin") || File.Exists("/usr/bin/bochs"), "needs Bochs (Debian: apt-get install bochs bochs-term bochsbios vgabios)");
        using var scratch = new Scratch();
        File.WriteAllBytes(scratch.File("kernel"), SmallGuest.Make());
        string file = scratch.File("system.yaml");
        File.WriteAllText(file, $$"""
            name: guests
            components:
              qube:
                program: {{Repository.File("src/Sel4/Programs/Vmm")}}
                args: [kernel]
                guest: 32M
                files: {kernel: {{scratch.File("kernel")}}}
            """);
        string module = scratch.File("module.elf");
        using (var image = TetheredProcess.Start(scratch.File("image.log"), MakateaCommand.Line("image", file, "--board", _board!, "-o", module)))
        {
            image.WaitForExit(600);
            Assert.True(image.ExitCode == 0, image.Output);
        }

        const int Patience = 240;
        using var boot = TetheredProcess.Start(scratch.File("console.log"), MakateaCommand.Line(
            "boot", module, "--board", _board!, "--emulator", "bochs", "--until", "makatea: qube: ended", "--timeout", Patience.ToString(CultureInfo.InvariantCulture)));
        boot.WaitForExit(Patience + 60);
        Assert.True(boot.ExitCode == 0, boot.Output);
        Assert.Contains($"qube: {SmallGuest.Words}", boot.Output, StringComparison.Ordinal);
        Assert.Contains("guest ended: PoweredOff", boot.Output, StringComparison.Ordinal);
    }
}
