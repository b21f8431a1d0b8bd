using System.Runtime.InteropServices;
using Makatea.Platform;
using Makatea.Platform.Linux;

namespace Makatea.Running;

/// <summary>A channel by which a component is handed connections that it cannot make by itself; each component that is started has one of its own.</summary>
internal abstract class ConnectionGrant : RenewedGrant
{
    private Grant? _peer;

    /// <inheritdoc/>
    public sealed override IReadOnlyList<GrantType> Types { get; } = [GrantType.Channel];

    /// <summary>Held while components come and go.</summary>
    protected Lock Gate { get; } = new();

    /// <inheritdoc/>
    public sealed override IReadOnlyList<SafeHandle> Open()
    {
        lock (Gate)
        {
            Close();
            MessageChannel channel = new LinuxHost().CreateChannel(out Grant peer);
            _peer = peer;
            Begin(channel);
            return [((LinuxGrant)peer).Handle];
        }
    }

    /// <inheritdoc/>
    public sealed override void Release()
    {
        lock (Gate)
        {
            ReleasePeer();
        }
    }

    /// <summary>A component begins. Under <see cref="Gate"/>.</summary>
    /// <param name="channel">Our end of its channel, which is the callee's.</param>
    protected abstract void Begin(MessageChannel channel);

    /// <summary>The component, where there is one, ended. Under <see cref="Gate"/>.</summary>
    protected abstract void End();

    /// <inheritdoc/>
    protected sealed override void Dispose(bool disposing)
    {
        lock (Gate)
        {
            Close();
        }
    }

    private void Close()
    {
        ReleasePeer();
        End();
    }

    private void ReleasePeer()
    {
        _peer?.Dispose();
        _peer = null;
    }
}
