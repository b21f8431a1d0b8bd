namespace Makatea.Platform.Linux.Tests;

/// <summary>Deadlines as <see cref="DoorbellWaiter.Wait"/> takes them.</summary>
internal static class Time
{
    internal static long Now => TimeProvider.System.GetTimestamp();

    internal static long In(double seconds) => Now + (long)(seconds * TimeProvider.System.TimestampFrequency);
}
