using System.Runtime.InteropServices;
using Makatea.Domains.Manager;
using Makatea.Platform;

namespace Makatea.Running;

/// <summary>A device function that a domain drives: what its component is given, anew at each start, and what protects everybody else from it.</summary>
internal abstract class DomainFunction : IDisposable
{
    /// <summary>What keeps it to what its domain was granted, in words.</summary>
    public abstract string Protection { get; }

    /// <summary>Kinds of the descriptors that <see cref="Open"/> gives: <see cref="GrantType.Channel"/> to a server of the function, or <see cref="GrantType.Function"/> for the function itself.</summary>
    public abstract IReadOnlyList<GrantType> Types { get; }

    /// <summary>
    /// Prepares it for a component that is about to be started: it is off, nothing that one before asked of it is under way, and it reaches nothing of what that one had mapped.
    /// </summary>
    /// <returns>The descriptors, which stay this object's.</returns>
    /// <exception cref="IOException">It cannot be had; the message says why and what to do.</exception>
    public abstract IReadOnlyList<SafeHandle> Open();

    /// <summary>Hears what its component measured, about once a second.</summary>
    public virtual void Observe(IReadOnlyList<MetricSample> samples)
    {
    }

    /// <summary>Closes this side's copies of the descriptors, now that the component has them: its end is to be theirs.</summary>
    public abstract void Release();

    /// <summary>Switches it off and gives it back.</summary>
    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Switches it off and gives it back.</summary>
    protected abstract void Dispose(bool disposing);
}
