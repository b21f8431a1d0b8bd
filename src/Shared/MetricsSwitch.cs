using System.Diagnostics.CodeAnalysis;

namespace Makatea;

/// <summary>Whether the program has metrics: .NET's own switch (<c>MetricsSupport</c> in a project), so that what feeds instruments is left out of an image where there are none.</summary>
internal static class MetricsSwitch
{
    private const string Name = "System.Diagnostics.Metrics.Meter.IsSupported";

    [FeatureSwitchDefinition(Name)]
    public static bool IsOn => !AppContext.TryGetSwitch(Name, out bool isOn) || isOn;
}
