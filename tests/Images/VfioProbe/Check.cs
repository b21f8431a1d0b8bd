namespace Makatea.VfioProbe;

/// <summary>Says what works, and ends the program where something does not.</summary>
internal static class Check
{
    /// <summary>Goes on only where a thing is so.</summary>
    public static void That(bool holds, string what)
    {
        if (!holds)
        {
            throw new InvalidOperationException($"failed: {what}");
        }

        Console.WriteLine($"ok: {what}");
    }

    /// <summary>Goes on only where an exception comes whose message has some words.</summary>
    public static void Refused<T>(Action action, string words, string what)
        where T : Exception
    {
        try
        {
            action();
        }
        catch (T e)
        {
            That(e.Message.Contains(words, StringComparison.Ordinal), $"{what} ({e.Message})");
            return;
        }

        throw new InvalidOperationException($"failed: {what}: nothing was refused");
    }
}
