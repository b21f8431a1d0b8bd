using System.Text;
using Makatea.Imaging;
using Makatea.Sel4.Image.Elf;
using Makatea.Sel4.Tests.Modules;
using Makatea.Systems;

namespace Makatea.Tests.Imaging;

/// <summary>Systems for seL4 whose programs are a few bytes each, so that nothing has to be built.</summary>
internal sealed class TestSystem : IProgramSource, IDisposable
{
    public const ElfRights CodeRights = ElfRights.Read | ElfRights.Execute;

    /// <summary>mov $39, %eax; syscall; ret.</summary>
    public static readonly byte[] LinuxCode = [0xb8, 0x27, 0, 0, 0, 0x0f, 0x05, 0xc3];

    private readonly TemporaryDirectory _directory = new();

    public TestSystem()
    {
        _directory.File("p.elf");
        _directory.File("data.bin", "some data");
        _directory.File("disk.img");
    }

    /// <summary>What the programs of components on the layer are.</summary>
    public TestElf Linux { get; set; } = new TestElf().Add(0x400000, LinuxCode, CodeRights).Section(".text").Symbol("f", 0x400000, 8).Add(0x401000, [1], ElfRights.Read | ElfRights.Write, 5000);

    public SystemDescription Parse(string yaml) => SystemFile.Parse(Encoding.UTF8.GetBytes(yaml), "test.yaml", new PathExpansion(_directory.Path, _ => null));

    public SystemPlan Expand(string yaml) => SystemExpansion.Expand(Parse(yaml));

    public BuiltProgram Get(ProgramProject project)
    {
        TestElf elf = project switch
        {
            { Path: var path } when path.Contains("RootTask", StringComparison.Ordinal) => TestElf.RootTask(),
            { Layer: ComponentLayer.None } => new TestElf { Entry = 0x70000000 }.Add(0x70000000, [0x0f, 0x05], CodeRights),
            _ => Linux,
        };
        return new BuiltProgram(project.Path, elf.Bytes(), TimeSpan.Zero);
    }

    public void Dispose() => _directory.Dispose();
}
