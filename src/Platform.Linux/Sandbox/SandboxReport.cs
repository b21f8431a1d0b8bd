using System.Text;

namespace Makatea.Platform.Linux;

/// <summary>Which protections are on, and why the others are not.</summary>
/// <param name="Protections">One for each layer, from the outside in.</param>
public sealed record SandboxReport(IReadOnlyList<SandboxProtection> Protections)
{
    /// <summary>The layers that are on.</summary>
    public SandboxLayers Active => Protections.Where(p => p.IsActive).Aggregate(SandboxLayers.None, (all, p) => all | p.Layer);

    /// <summary>Whether all of <paramref name="layers"/> are on.</summary>
    public bool Has(SandboxLayers layers) => (Active & layers) == layers;

    /// <summary>One line per layer.</summary>
    public override string ToString()
    {
        var text = new StringBuilder();
        foreach (SandboxProtection p in Protections)
        {
            text.Append(p.IsActive ? "on   " : "off  ").Append(p.Layer.ToString().PadRight(18)).AppendLine(p.Detail);
        }

        return text.ToString();
    }
}

/// <summary>One protection.</summary>
/// <param name="Layer">Which.</param>
/// <param name="IsActive">Whether it is on.</param>
/// <param name="Detail">What it does here, or what the kernel answered.</param>
public sealed record SandboxProtection(SandboxLayers Layer, bool IsActive, string Detail);
