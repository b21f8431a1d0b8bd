namespace Makatea.Sel4.Image.Boards;

/// <summary>Why a board folder cannot be used.</summary>
/// <param name="Subject">What it is about: an option of the kernel's configuration, a file, or a name in a file.</param>
/// <param name="Found">What was found.</param>
/// <param name="Needed">What is needed.</param>
/// <param name="Reason">Why.</param>
public sealed record BoardProblem(string Subject, string Found, string Needed, string Reason)
{
    /// <summary>In one line.</summary>
    public override string ToString() => $"{Subject} is {Found}, needed is {Needed}: {Reason}";
}
