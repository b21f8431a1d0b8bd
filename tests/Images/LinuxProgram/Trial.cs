namespace Makatea.LinuxProgram;

/// <summary>Tries one thing after the other, and counts.</summary>
internal sealed class Trial(string word)
{
    private int _passed;
    private int _failed;

    /// <summary>Tries one thing.</summary>
    /// <param name="what">What should be so.</param>
    /// <param name="how">Null where it is; else what is instead.</param>
    public void Say(string what, Func<string?> how)
    {
        if (!what.Contains(word, StringComparison.Ordinal))
        {
            return;
        }

        string? wrong;
        try
        {
            wrong = how();
        }
#pragma warning disable CA1031 // Whatever it is, it is said.
        catch (Exception exception)
#pragma warning restore CA1031
        {
            wrong = exception.ToString();
        }

        Console.WriteLine(wrong is null ? $"passed: {what}" : $"FAILED: {what}: {wrong}");
        _passed += wrong is null ? 1 : 0;
        _failed += wrong is null ? 0 : 1;
    }

    /// <summary>Says how many passed.</summary>
    /// <returns>The program's exit status.</returns>
    public int End()
    {
        Console.WriteLine($"program: {_passed} passed, {_failed} failed");
        return _failed == 0 ? 0 : 1;
    }
}
