using System.Text.RegularExpressions;
using System.Xml.Linq;

namespace Makatea.Platform.Tests;

/// <summary>The rules of docs/ARCHITECTURE.md that a compiler does not check.</summary>
public sealed partial class ArchitectureTests
{
    // src/Sel4: what runs with nothing below it, and its build. The image builder is an ordinary program.
    // Besides the product: what plays an attacker or a guest's program with system calls, and the tests of the host.
    private static readonly string[] _unsafeFolders =
    [
        "src/Platform/Unsafe/", "src/Platform.Linux/", "src/Platform.Sel4/", "src/Sel4/RootTask/", "src/Sel4/Kernel/", "src/Sel4/LinuxAbi/", "src/Sel4/Console/", "src/Sel4/CoreLib/", "src/Sel4/Build/", "tests/Sel4.RootTask.Tests/", "tests/Sel4.LinuxAbi.Tests/", "tests/Sel4.Console.Tests/", "tests/Sel4.KernelTrial/", "tests/Sel4.ComponentTrial/", "tests/Sel4.HostileTrial/", "tests/SandboxProbe/", "tests/Images/", "tests/Shared/Hostile/",
        "tests/Platform.Linux.Tests/", "tests/Platform.Sel4.Tests/",
    ];

    private static readonly string[] _hosts = ["Makatea.Platform.Linux", "Makatea.Platform.Sel4"];

    [Fact]
    public void Unsafe_code_is_in_one_folder_of_Platform_and_in_the_hosts() =>
        AssertNone(from file in SourceTree.CSharp() where UnsafeKeyword().IsMatch(file.Code) && !InUnsafeFolder(file.Path) select file.Path);

    /// <summary>They do what unsafe code does without the keyword.</summary>
    [Fact]
    public void Unchecked_library_calls_are_made_where_unsafe_code_is() =>
        AssertNone(
            from file in SourceTree.CSharp()
            where !InUnsafeFolder(file.Path)
            from Match match in UncheckedCall().Matches(file.Code)
            select $"{file.Path}: {match.Value}");

    [Fact]
    public void Only_Platform_and_the_hosts_may_compile_unsafe_code() => AssertNone(
        from file in SourceTree.Files("*.*proj").Concat(SourceTree.Files("*.props")).Concat(SourceTree.Files("*.targets"))
        where XDocument.Parse(SourceTree.Read(file)).Descendants().Any(e => e.Name.LocalName == "AllowUnsafeBlocks" && e.Value != "false")
        where !_unsafeFolders.Append("src/Platform/Makatea.Platform.csproj").Any(file.StartsWith)
        select file);

    [Fact]
    public void Segments_are_made_from_addresses_by_Platform_and_the_hosts_alone() => AssertNone(
        from file in SourceTree.CSharp()
        where file.Path.StartsWith("src/", StringComparison.Ordinal) && file.Code.Contains("UnsafeCreate")
        where !InUnsafeFolder(file.Path) && !file.Path.StartsWith("src/Platform/", StringComparison.Ordinal)
        select file.Path);

    /// <summary>A host is chosen at the composition root: the command, tests, benchmarks.</summary>
    [Fact]
    public void No_library_below_Domains_refers_to_an_operating_system() => AssertNone(
        from project in LibraryProjects()
        from reference in References(project)
        where _hosts.Contains(Path.GetFileNameWithoutExtension(reference))
        select $"{project} refers to {reference}");

    [Fact]
    public void No_library_below_Domains_names_an_operating_system() => AssertNone(
        from project in LibraryProjects()
        let folder = Path.GetDirectoryName(project)!
        from file in SourceTree.CSharp()
        where file.Path.StartsWith(folder + "/", StringComparison.Ordinal) && OperatingSystemCall().IsMatch(file.Code)
        select file.Path);

    [Fact]
    public void Arrows_point_one_way() => AssertNone(
        from project in SourceTree.Files("*.csproj")
        where project.StartsWith("src/", StringComparison.Ordinal)
        from reference in References(project)
        where Rank(reference) >= Rank(project)
        select $"{project} refers to {reference}");

    /// <summary>What this assembly's own tests rely on.</summary>
    [Theory]
    [InlineData("unsafe void F()", true)]
    [InlineData("x(); // unsafe", false)]
    [InlineData("/* unsafe\n unsafe */", false)]
    [InlineData("f(\"unsafe\")", false)]
    [InlineData("f(\"\\\"\"); unsafe { }", true)]
    [InlineData("f(@\"\"\"unsafe\"); ", false)]
    [InlineData("f('\"'); unsafe { } g('\"')", true)]
    [InlineData("f('\\''); unsafe { }", true)]
    [InlineData("f(\"\"\"\n \"unsafe\" \n\"\"\"); g()", false)]
    [InlineData("UnsafeCreate()", false)]
    public void The_search_tells_code_from_text(string source, bool isUnsafe) =>
        Assert.Equal(isUnsafe, UnsafeKeyword().IsMatch(SourceTree.Strip(source)));

    [Fact]
    public void The_search_finds_the_sources()
    {
        Assert.Contains(SourceTree.CSharp(), file => file.Path == "src/Platform/Unsafe/NativeArray.cs" && UnsafeKeyword().IsMatch(file.Code));
        Assert.Contains("src/Platform/Makatea.Platform.csproj", SourceTree.Files("*.csproj"));
        Assert.True(LibraryProjects().Count() >= 3);
    }

    private static void AssertNone(IEnumerable<string> found) => Assert.Empty(found);

    private static bool InUnsafeFolder(string path) => _unsafeFolders.Any(folder => path.StartsWith(folder, StringComparison.Ordinal));

    private static IEnumerable<string> LibraryProjects() =>
        from project in SourceTree.Files("*.csproj")
        where project.StartsWith("src/", StringComparison.Ordinal)
        let name = Path.GetFileNameWithoutExtension(project)
        where name is not ("Makatea" or "Makatea.Domains" or "Makatea.Vmm.Linux") && !name.StartsWith("Makatea.Sel4.", StringComparison.Ordinal) && !_hosts.Contains(name)
        select project;

    private static IEnumerable<string> References(string project) =>
        from element in XDocument.Parse(SourceTree.Read(project)).Descendants("ProjectReference")
        select element.Attribute("Include")!.Value;

    private static int Rank(string project) => Path.GetFileNameWithoutExtension(project) switch
    {
        "Makatea.Platform" => 0,
        "Makatea.Platform.Linux" or "Makatea.Platform.Sel4" or "Makatea.Virtio" or "Makatea.NetStack" => 1,
        "Makatea.Virtio.Testing" => 2,
        string name when name.StartsWith("Makatea.Drivers.", StringComparison.Ordinal) => 1,
        // Alone on the bare kernel; what goes into it comes as source.
        "Makatea.Sel4.RootTask" or "Makatea.Sel4.LinuxAbi" or "Makatea.Sel4.Console" => 0,
        "Makatea.Vmm" or "Makatea.Domains" or "Makatea.Sel4.Image" => 3,
        "Makatea" => 5, // which starts makatea-vmm
        "Makatea.Vmm.Linux" => 4,
        string name when name.StartsWith("Makatea.Sel4.Programs.", StringComparison.Ordinal) => 4,
        string name => throw new InvalidOperationException($"say in {nameof(ArchitectureTests)} where {name} stands"),
    };

    [GeneratedRegex(@"\bunsafe\b")]
    private static partial Regex UnsafeKeyword();

    [GeneratedRegex(@"(?<![\w.])(System\.Runtime\.CompilerServices\.)?Unsafe\.(?!SizeOf\b|IsNullRef\b)\w+|\bMemoryMarshal\.(CreateSpan|CreateReadOnlySpan|GetReference|GetArrayDataReference|AsRef|CreateFromPinnedArray)\b|\bNativeMemory\.\w+|\bMarshal\.(Read|Write|PtrTo|StructureToPtr|Copy|Alloc|ReAlloc|GetDelegateForFunctionPointer)\w*|\b(DllImport|LibraryImport)\b")]
    private static partial Regex UncheckedCall();

    [GeneratedRegex(@"\bOperatingSystem\.Is\w+|\bRuntimeInformation\.IsOSPlatform\b|\bMakatea\.Platform\.(Linux|Sel4)\b|\bnew (FileStream|Socket|Process)\b|\bFile\.(Open|Read|Write|Create)\w*")]
    private static partial Regex OperatingSystemCall();
}
