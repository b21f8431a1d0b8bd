using Makatea.Sel4.Image.Boards;
using Makatea.Sel4.Image.Manifests;
using Makatea.Sel4.Image.Modules;
using Makatea.Sel4.Tests.Boards;

namespace Makatea.Sel4.Tests.Booting;

/// <summary>The root task with a manifest on the real kernel: what it gives components, tried from inside by <c>tests/Sel4.ComponentTrial</c>.</summary>
[Trait("Category", "Device")]
public sealed class SupervisorTests
{
    private const string Program = "componenttrial";
    private const int FileLength = 10_000;

    private static readonly Manifest _manifest = new()
    {
        Components =
        [
            Component("manager", ComponentFlags.Start) with
            {
                Memory = 3 << 20,
                Waiters = 2,
                Grants =
                [
                    new(GrantKind.Region, 0, "echo") { Rights = GrantRights.Write },
                    new(GrantKind.Region, 1, "count") { Rights = GrantRights.Write },
                    new(GrantKind.Region, 2, "late") { Rights = GrantRights.Write | GrantRights.Device, Connection = 1 },
                    new(GrantKind.Ring, 0, "ask"),
                    new(GrantKind.Hear, 1, "answer"),
                    new(GrantKind.File, 0, "file"),
                    new(GrantKind.Function, 0, "nvme"),
                    new(GrantKind.Management, 0, "management"),
                ],
            },
            Component("echo", ComponentFlags.Start) with
            {
                Waiters = 1,
                Grants = [new(GrantKind.Region, 0, "echo") { Rights = GrantRights.Write }, new(GrantKind.Hear, 0, "ask"), new(GrantKind.Ring, 1, "answer")],
            },
            Component("counter", ComponentFlags.Start) with { Grants = [new(GrantKind.Region, 1, "count") { Rights = GrantRights.Write }] },
            Component("faulty", ComponentFlags.Restart),
        ],
        // Large pages, small pages, and pages that a device may reach.
        Regions = [new("echo", 2 << 20), new("count", 4096), new("late", 3 * 4096)],
        Doorbells = ["ask", "answer"],
        Functions = [new("nvme", 4 << 3, 0x0010_1b36, 2, AllowUnprotected: false)],
    };

    [SkippableFact]
    public void Components_get_what_the_manifest_says_and_nothing_else()
    {
        var board = BoardFolder.Open(RealBoard.Path);
        byte[] file = [.. Enumerable.Range(0, FileLength).Select(i => (byte)(i % 251))];
        byte[] module = BootModule.Build(
            FreestandingProgram.Build("src/Sel4/RootTask", "roottask"),
            board.Table,
            [new(ManifestLayout.FileName, _manifest.ToBytes()), new(Program, FreestandingProgram.Build("tests/Sel4.ComponentTrial", Program).Bytes.ToArray()), new("file", file)]);
        string console = KernelRun.Until(board, module, line => line.StartsWith("trial: ", StringComparison.Ordinal));
        Assert.Matches(@"\ntrial: [1-9]\d* passed, 0 failed\n$", console);
        Assert.Contains("makatea: faulty: ended: wrote to 0x5eadb000, instruction at 0x7000", console, StringComparison.Ordinal);
        Assert.Contains("makatea: faulty: left as it is after 6 failures", console, StringComparison.Ordinal);
    }

    private static Component Component(string role, ComponentFlags flags) => new() { Name = role, Program = Program, Arguments = [role], Priority = 50, Budget = 1000, Period = 1000, Flags = flags };
}
