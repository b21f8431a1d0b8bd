namespace Makatea.Cli;

/// <summary>How the command ends, as its process's exit status.</summary>
internal static class ExitCode
{
    /// <summary>It did what was asked.</summary>
    public const int Success = 0;

    /// <summary>It was asked properly and failed.</summary>
    public const int Failure = 1;

    /// <summary>It was asked wrongly: unknown options, or a system file with errors. Nothing was started.</summary>
    public const int Usage = 2;

    /// <summary>For the help text.</summary>
    public const string Help = "Exit status: 0 done, 1 failed, 2 wrong usage or wrong system file (nothing was started).";
}
