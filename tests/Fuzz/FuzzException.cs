namespace Makatea.Fuzz;

/// <summary>A session found something that must not be.</summary>
public sealed class FuzzException(string message, Exception? inner = null) : Exception(message, inner)
{
    /// <summary>Throws where <paramref name="condition"/> does not hold.</summary>
    public static void ThrowUnless(bool condition, string message)
    {
        if (!condition)
        {
            throw new FuzzException(message);
        }
    }
}
