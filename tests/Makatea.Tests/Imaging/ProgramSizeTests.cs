using Makatea.Imaging;
using Makatea.Systems;

namespace Makatea.Tests.Imaging;

/// <summary>What the programs of this repository take of an image, built as <c>makatea image</c> builds them. docs/SEL4.md says what they are made of.</summary>
[Trait("Category", "Image")]
public sealed class ProgramSizeTests
{
    [Theory]
    [InlineData("Storage", SystemImage.LargeProgram)]
    [InlineData("Client", 2_550_000)]
    [InlineData("NetClient", 2_900_000)]
    [InlineData("Net", 3_550_000)]
    public void Programs_stay_small(string name, long most)
    {
        var project = ProgramProject.InSources($"src/Sel4/Programs/{name}", ComponentLayer.Linux);
        BuiltProgram built = new ProgramBuilder(Sources.Find(), new BuildProgress(TextWriter.Null, isTerminal: false)).Get(project);
        var program = ProgramImage.Make(name, project, built);
        Assert.True(program.File.Length < most, $"{name} has {program.File.Length} bytes in the image, allowed are less than {most}: code {program.Code}, constants {program.Constants}, data {program.Data}");
    }
}
