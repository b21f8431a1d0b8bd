using Makatea.Sel4;
using Makatea.Sel4.Image;
using Makatea.Sel4.Image.Boards;
using Makatea.Sel4.Image.Elf;
using Makatea.Sel4.Image.Manifests;
using Makatea.Sel4.Image.Modules;
using Makatea.Systems;

namespace Makatea.Imaging;

/// <summary>A system as one boot module.</summary>
/// <param name="Module">The module.</param>
/// <param name="Report">What is in it.</param>
internal sealed record SystemImage(byte[] Module, ImageReport Report)
{
    /// <summary>A program in an image ought not to be larger. What ours may have, ProgramSizeTests says.</summary>
    public const long LargeProgram = 3_000_000;

    private const string RootTask = "root task";

    /// <summary>Builds a system's programs and packs them.</summary>
    /// <param name="plan">The system.</param>
    /// <param name="board">The kernel that it boots on.</param>
    /// <param name="programs">Where programs come from.</param>
    /// <param name="path">Where the module is going to be, for the report.</param>
    /// <exception cref="ImageException">Something cannot work; all that is known of it is said.</exception>
    public static SystemImage Build(SystemPlan plan, BoardFolder board, IProgramSource programs, string path)
    {
        BoardTable table = board.Table;

        if (table[BoardValue.SysVMEnter] == 0 && plan.Manifest.Components.FirstOrDefault(c => c.Grants.Any(g => g.Kind == GrantKind.Guest)) is { } component)
        {
            throw new ImageException($"component '{component.Name}' runs a guest, which the kernel in {board.Path} cannot; use one with VT-x, such as the SDK's board x86_64_generic_vtx");
        }

        // Before minutes of building.
        byte[] manifest = plan.Manifest.ToBytes();
        (ElfFile rootTask, ProgramReport rootReport) = GetRootTask(programs);
        Dictionary<string, ProgramImage> images = BuildPrograms(plan, programs);
        ArchiveFile[] files =
        [
            new(ManifestLayout.FileName, manifest),
            .. images.Values.Select(i => new ArchiveFile(i.Name, i.File)),
            .. plan.Files.Select(f => new ArchiveFile(f.Name, f.Read())),
        ];
        byte[] module = BootModule.Build(rootTask, table, files);
        ComponentReport[] components = [.. plan.Manifest.Components.Select(c => Describe(c, images, table))];
        ulong memory = MemoryBudget.OfImage(components.Select(c => c.Total), plan.Manifest.Regions, module.Length);
        if (memory > plan.MachineMemory)
        {
            throw new ImageException(TooLarge(memory, plan, components));
        }

        ProgramReport[] reports = [rootReport, .. images.Values.Select(Describe)];
        return new SystemImage(module, new ImageReport(path, module.Length, memory, plan.MachineMemory, reports, components, [.. Warnings(plan, images)]));
    }

    private static (ElfFile Program, ProgramReport Report) GetRootTask(IProgramSource programs)
    {
        BuiltProgram built = programs.Get(ProgramProject.InSources("src/Sel4/RootTask", ComponentLayer.None));
        var elf = ElfFile.Parse(built.Path, built.Bytes);
        var image = ProgramImage.Make(RootTask, new ProgramProject(built.Path, ComponentLayer.None), built);
        return (elf, Describe(image));
    }

    private static Dictionary<string, ProgramImage> BuildPrograms(SystemPlan plan, IProgramSource programs)
    {
        IEnumerable<KeyValuePair<string, ProgramProject>> all = plan.Programs;
        if (plan.Manifest.Components.Any(c => c.Layer is not null))
        {
            all = all.Prepend(new(SystemPlan.Layer, ProgramProject.InSources("src/Sel4/LinuxAbi", ComponentLayer.None)));
        }

        var images = new Dictionary<string, ProgramImage>();
        var problems = new List<string>();
        foreach ((string name, ProgramProject project) in all)
        {
            try
            {
                images.Add(name, ProgramImage.Make(name, project, programs.Get(project)));
            }
            catch (ImageException e)
            {
                problems.Add(e.Message);
            }
        }

        return problems.Count == 0 ? images : throw new ImageException(problems);
    }

    private static ProgramReport Describe(ProgramImage image) => new(image.Name, Role(image), image.Source, image.File.Length, image.Code, image.Constants, image.Data, image.SystemCalls, Math.Round(image.Taken.TotalSeconds, 1));

    private static string Role(ProgramImage image) => image.Name switch { RootTask => RootTask, SystemPlan.Layer => "layer", SystemPlan.Console => "console", _ => "program" };

    private static ComponentReport Describe(Component component, Dictionary<string, ProgramImage> images, BoardTable board)
    {
        IEnumerable<ProgramImage> programs = component.Layer is null ? [images[component.Program]] : [images[component.Program], images[component.Layer]];
        return new ComponentReport(
            component.Name, component.Program, component.Layer is not null, component.Memory, MemoryBudget.OfComponent(component, programs, board), component.Threads, component.Waiters, component.Priority,
            component.Budget, component.Period, component.Grants.Count, component.Flags.HasFlag(ComponentFlags.Start), component.Flags.HasFlag(ComponentFlags.Restart),
            component.Grants.Any(g => g.Kind == GrantKind.Management));
    }

    private static IEnumerable<string> TooLarge(ulong memory, SystemPlan plan, ComponentReport[] components) =>
    [
        $"the system needs {memory >> 20} MiB and the machine has {plan.MachineMemory >> 20} MiB ('memory:' in the system file says so); the largest are",
        .. components.OrderByDescending(c => c.Total).Take(5).Select(c => $"  {c.Name}: {c.Total >> 20} MiB"),
    ];

    private static IEnumerable<string> Warnings(SystemPlan plan, Dictionary<string, ProgramImage> images) => plan.Programs
        .Where(p => !p.Value.IsOurs && images[p.Key].File.Length > LargeProgram)
        .Select(p => $"{p.Key} has {images[p.Key].File.Length / 1e6:0.0} MB, more than the {LargeProgram / 1e6:0} MB that a component ought to have; what it refers to and does not need can be trimmed");
}
