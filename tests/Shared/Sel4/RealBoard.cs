namespace Makatea.Sel4.Tests.Boards;

/// <summary>The board folders that the environment names. The kernel is not part of this repository: a test that needs one is skipped without.</summary>
internal static class RealBoard
{
    public static string Path => Find("MAKATEA_SEL4_BOARD", "x86_64_generic");

    public static string VtxPath => Find("MAKATEA_SEL4_BOARD_VTX", "x86_64_generic_vtx");

    private static string Find(string variable, string board)
    {
        string? path = Environment.GetEnvironmentVariable(variable);
        Skip.If(string.IsNullOrEmpty(path), $"needs a seL4 kernel: set {variable} to the folder board/{board}/debug of a Microkit SDK (https://github.com/seL4/microkit/releases)");
        return path;
    }
}
