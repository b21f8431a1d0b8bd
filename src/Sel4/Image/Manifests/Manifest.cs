namespace Makatea.Sel4.Image.Manifests;

/// <summary>Which components there are, what each is given, what they share. Objects are named by their places in these lists.</summary>
public sealed record Manifest
{
    /// <summary>Components, in the order in which they are started.</summary>
    public IReadOnlyList<Component> Components { get; init; } = [];

    /// <summary>Regions.</summary>
    public IReadOnlyList<Region> Regions { get; init; } = [];

    /// <summary>Names of doorbells.</summary>
    public IReadOnlyList<string> Doorbells { get; init; } = [];

    /// <summary>Functions.</summary>
    public IReadOnlyList<Function> Functions { get; init; } = [];

    /// <summary>As the root task reads it (<see cref="ManifestLayout"/>).</summary>
    /// <exception cref="ImageException">It holds what cannot be: all of that is said.</exception>
    public byte[] ToBytes()
    {
        string[] problems = [.. ManifestChecks.Check(this)];
        return problems.Length == 0 ? ManifestWriter.Write(this) : throw new ImageException(problems);
    }

    /// <summary>Reads one.</summary>
    /// <exception cref="ImageException">It is none, of another version, broken, or holds what cannot be.</exception>
    public static Manifest Parse(ReadOnlySpan<byte> bytes)
    {
        Manifest manifest = new ManifestReader(bytes).Read();
        string[] problems = [.. ManifestChecks.Check(manifest)];
        return problems.Length == 0 ? manifest : throw new ImageException(problems);
    }
}
