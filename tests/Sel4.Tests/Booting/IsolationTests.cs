using Makatea.Sel4.Image.Boards;
using Makatea.Sel4.Image.Manifests;
using Makatea.Sel4.Image.Modules;
using Makatea.Sel4.Tests.Boards;

namespace Makatea.Sel4.Tests.Booting;

/// <summary>A component that does what it may not, on the real kernel: it is stopped and reported, and its victim does not notice (<c>tests/Sel4.HostileTrial</c>).</summary>
[Trait("Category", "Device")]
public sealed class IsolationTests
{
    private const string Program = "hostiletrial";

    private static readonly Manifest _manifest = new()
    {
        Components =
        [
            Component("judge", ComponentFlags.Start) with
            {
                Waiters = 1,
                Grants =
                [
                    new(GrantKind.Region, 0, "treasure"),
                    new(GrantKind.Region, 1, "result") { Rights = GrantRights.Write },
                    new(GrantKind.Ring, 0, "ask"),
                    new(GrantKind.Hear, 1, "answer"),
                    new(GrantKind.Management, 0, "management"),
                ],
            },
            Component("victim", ComponentFlags.Start) with
            {
                Waiters = 1,
                Grants =
                [
                    new(GrantKind.Region, 0, "treasure") { Rights = GrantRights.Write },
                    new(GrantKind.Hear, 0, "ask"),
                    new(GrantKind.Ring, 1, "answer"),
                    new(GrantKind.Function, 0, "nvme"),
                ],
            },
            Component("attacker", ComponentFlags.None) with
            {
                Memory = 1 << 20,
                Waiters = 1,
                Grants = [new(GrantKind.Region, 1, "result") { Rights = GrantRights.Write }, new(GrantKind.Region, 2, "readable")],
            },
        ],
        Regions = [new("treasure", 4 * 4096), new("result", 4096), new("readable", 4096)],
        Doorbells = ["ask", "answer"],
        Functions = [new("nvme", 4 << 3, 0x0010_1b36, 2, AllowUnprotected: false)],
    };

    [SkippableFact]
    public void What_a_component_may_not_do_ends_it_and_harms_nobody()
    {
        var board = BoardFolder.Open(RealBoard.Path);
        byte[] module = BootModule.Build(
            FreestandingProgram.Build("src/Sel4/RootTask", "roottask"),
            board.Table,
            [new(ManifestLayout.FileName, _manifest.ToBytes()), new(Program, FreestandingProgram.Build("tests/Sel4.HostileTrial", Program).Bytes.ToArray())]);
        string console = KernelRun.Until(board, module, line => line.StartsWith("trial: ", StringComparison.Ordinal));
        Assert.Matches(@"\ntrial: 20 passed, 0 failed\n$", console);

        // Who did it, what, and where.
        Assert.Contains("makatea: attacker: ended: read 0xffffff8000000000, instruction at 0x7000", console, StringComparison.Ordinal);
        Assert.Contains("makatea: attacker: ended: wrote to 0xffffff8000000000, instruction at 0x7000", console, StringComparison.Ordinal);
        Assert.Contains("makatea: attacker: ended: fetched an instruction at 0x500000000", console, StringComparison.Ordinal);
        Assert.Contains("makatea: attacker: ended: wrote to 0x78fe", console, StringComparison.Ordinal);
        Assert.Contains("makatea: attacker: ended: fetched an instruction at 0x2, instruction at 0x1", console, StringComparison.Ordinal);
        Assert.Equal(6, console.Split("makatea: attacker: ended: exception 13").Length - 1);
        Assert.Contains("makatea: attacker: ended: a system call that is none", console, StringComparison.Ordinal);
    }

    private static Component Component(string role, ComponentFlags flags) => new() { Name = role, Program = Program, Arguments = [role], Priority = 50, Budget = 1000, Period = 1000, Flags = flags };
}
