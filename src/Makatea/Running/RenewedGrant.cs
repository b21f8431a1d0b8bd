using System.Runtime.InteropServices;
using Makatea.Domains.Manager;
using Makatea.Platform;

namespace Makatea.Running;

/// <summary>Something that a domain's component is given anew at each start, as what the one before it had ends with that one.</summary>
internal abstract class RenewedGrant : IDisposable
{
    /// <summary>Kinds of the descriptors that <see cref="Open"/> gives.</summary>
    public abstract IReadOnlyList<GrantType> Types { get; }

    /// <summary>Prepares it for a component that is about to be started: nothing that one before asked of it is under way.</summary>
    /// <returns>The descriptors, which stay this object's.</returns>
    /// <exception cref="IOException">It cannot be had; the message says why and what to do.</exception>
    public abstract IReadOnlyList<SafeHandle> Open();

    /// <summary>Hears what its component measured, about once a second.</summary>
    public virtual void Observe(IReadOnlyList<MetricSample> samples)
    {
    }

    /// <summary>Closes this side's copies of the descriptors, now that the component has them: its end is to be theirs.</summary>
    public abstract void Release();

    /// <summary>Gives it up, or back.</summary>
    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Gives it up, or back.</summary>
    protected abstract void Dispose(bool disposing);
}
