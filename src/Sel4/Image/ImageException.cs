namespace Makatea.Sel4.Image;

/// <summary>An image cannot be built from what was given. The message says what was seen, what is needed and what to do; one line for each problem.</summary>
public sealed class ImageException : Exception
{
    /// <summary>One problem.</summary>
    public ImageException(string message, Exception? inner = null)
        : base(message, inner)
    {
    }

    /// <summary>Several problems, each a line.</summary>
    public ImageException(IEnumerable<string> problems)
        : base(string.Join('\n', problems))
    {
    }
}
