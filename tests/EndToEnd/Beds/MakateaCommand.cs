namespace Makatea.EndToEnd;

/// <summary>The command under test, as it was built with these tests.</summary>
internal static class MakateaCommand
{
    private static readonly string _program = Repository.File($"src/Makatea/bin/{Repository.Configuration}/net10.0/makatea.dll");

    /// <summary>The command line that runs it with <paramref name="arguments"/>.</summary>
    public static IReadOnlyList<string> Line(params IEnumerable<string> arguments) =>
        [Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet", _program, .. arguments];
}
