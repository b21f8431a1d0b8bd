namespace Makatea.Platform.Linux.Tests;

/// <summary>/dev/kvm, or the line that says how to get it.</summary>
internal static class KvmBed
{
    private static readonly Lazy<(KvmHost? Host, string? Missing)> _host = new(() =>
    {
        try
        {
            return (KvmHost.Open(), null);
        }
        catch (IOException e)
        {
            return (null, e.Message);
        }
    });

    /// <summary>The machine's KVM; without one the test is skipped.</summary>
    internal static KvmHost Open()
    {
        Skip.If(_host.Value.Host is null, _host.Value.Missing);
        return _host.Value.Host!;
    }
}
