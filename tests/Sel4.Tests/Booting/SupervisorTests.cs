using System.Text.RegularExpressions;
using Makatea.Sel4.Image.Boards;
using Makatea.Sel4.Image.Elf;
using Makatea.Sel4.Image.Manifests;
using Makatea.Sel4.Image.Modules;
using Makatea.Sel4.Tests.Boards;
using Makatea.Sel4.Tests.Modules;

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
                    new(GrantKind.Region, 3, "turn"),
                    new(GrantKind.Ring, 0, "ask"),
                    new(GrantKind.Hear, 1, "answer"),
                    new(GrantKind.File, 0, "file"),
                    new(GrantKind.Function, 0, "nvme"),
                    new(GrantKind.Ports, 0x70, "clock") { Length = 2 },
                    new(GrantKind.PinInterrupt, 8, "clock"),
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
            Component("layer", ComponentFlags.None) with { Program = "spinner", Layer = Program, Threads = 5, Priority = 51, Budget = 1000, Period = 10_000, Grants = [new(GrantKind.Region, 3, "turn") { Rights = GrantRights.Write }] },
        ],
        // Large pages, small pages, and pages that a device may reach.
        Regions = [new("echo", 2 << 20), new("count", 4096), new("late", 3 * 4096), new("turn", 4096)],
        Doorbells = ["ask", "answer"],
        Functions = [new("nvme", 4 << 3, 0x0010_1b36, 2, AllowUnprotected: false)],
    };

    [SkippableFact]
    public void Components_get_what_the_manifest_says_and_nothing_else()
    {
        byte[] file = [.. Enumerable.Range(0, FileLength).Select(i => (byte)(i % 251))];
        var board = BoardFolder.Open(RealBoard.Path);
        byte[] module = BootModule.Build(
            FreestandingProgram.Build("src/Sel4/RootTask", "roottask"),
            board.Table,
            [new(ManifestLayout.FileName, _manifest.ToBytes()), new(Program, FreestandingProgram.Build("tests/Sel4.ComponentTrial", Program).Bytes.ToArray()), new("spinner", Spinner()), new("file", file)]);
        string console = KernelRun.Until(board, module, line => line.StartsWith("trial: ", StringComparison.Ordinal));
        Assert.True(Regex.IsMatch(console, @"\ntrial: [1-9]\d* passed, 0 failed\n$"), console);
        Assert.DoesNotContain("FAILED", console, StringComparison.Ordinal);
        Assert.Contains("passed: a thread's fault reaches its layer", console, StringComparison.Ordinal);
        Assert.Contains("makatea: faulty: ended: wrote to 0x5eadb000, instruction at 0x7000", console, StringComparison.Ordinal);
        Assert.Contains("makatea: faulty: left as it is after 6 failures", console, StringComparison.Ordinal);
    }

    /// <summary>A program whose threads but the fifth spin; the fifth does what it may not.</summary>
    private static byte[] Spinner()
    {
        byte[] code =
        [
            0xb8, 1, 0, 0, 0,                                 // mov eax, 1
            0x48, 0xb9, 0, 0, 0, 0, 0x10, 0, 0, 0,            // mov rcx, Grants
            0xf0, 0x48, 0x0f, 0xc1, 0x01,                     // lock xadd [rcx], rax
            0x83, 0xf8, 4,                                    // cmp eax, 4
            0x75, 2,                                          // jne spin
            0x0f, 0x0b,                                       // ud2
            0xeb, 0xfe,                                       // spin: jmp spin
        ];
        // Behind the headers of the file, where pages of the file are pages of memory.
        return new TestElf { Entry = 0x400078 }.Add(0x400078, code, ElfRights.Read | ElfRights.Execute).Parse().Bytes.ToArray();
    }

    private static Component Component(string role, ComponentFlags flags) => new() { Name = role, Program = Program, Arguments = [role], Priority = 50, Budget = 1000, Period = 1000, Flags = flags };
}
