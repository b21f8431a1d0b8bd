namespace Makatea.Imaging;

/// <summary>Where programs come from.</summary>
internal interface IProgramSource
{
    /// <summary>A program, built where it has to be.</summary>
    BuiltProgram Get(ProgramProject project);
}

/// <summary>A program.</summary>
/// <param name="Path">Its file.</param>
/// <param name="Bytes">What is in it.</param>
/// <param name="Taken">How long it took to build; nothing where it was there.</param>
internal sealed record BuiltProgram(string Path, byte[] Bytes, TimeSpan Taken);
