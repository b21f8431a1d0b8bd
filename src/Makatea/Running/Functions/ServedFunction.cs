using System.Runtime.InteropServices;
using Makatea.Drivers.Pci;
using Makatea.Platform;
using Makatea.Platform.Linux;

namespace Makatea.Running;

/// <summary>A function, in a DMA space of its own, that a thread serves to one component. It is switched off as soon as the component's end of the channel is closed.</summary>
internal sealed class ServedFunction : IDisposable
{
    private readonly DmaSpace _space;
    private readonly FunctionServer _server;
    private readonly Thread _thread;
    private readonly Action<string> _notice;
    private readonly Grant _peer;
    private volatile bool _isEnding;

    /// <summary>Takes over function and space, and serves.</summary>
    public ServedFunction(PciFunction function, DmaSpace space, Action<string> notice)
    {
        MessageChannel channel = new LinuxHost().CreateChannel(out _peer);
        _space = space;
        _notice = notice;
        _server = new FunctionServer(function, new LinuxHost(), channel);
        _thread = new Thread(Serve) { IsBackground = true, Name = $"serve {function.Address}" };
        _thread.Start();
    }

    /// <summary>The component's end of the channel, until <see cref="Release"/>.</summary>
    public SafeHandle Handle => ((LinuxGrant)_peer).Handle;

    /// <summary>Closes this side's copy of the component's end.</summary>
    public void Release() => _peer.Dispose();

    /// <summary>Ends it, and returns when the function is off and reaches nothing.</summary>
    public void Dispose()
    {
        Release();
        _isEnding = true;
        _server.Close();
        _thread.Join();
    }

    private void Serve()
    {
        try
        {
            using (_space)
            using (_server)
            {
                _server.Run();
            }
        }
#pragma warning disable CA1031 // Whatever it is, it is this function's: the manager and what else it runs go on.
        catch (Exception e) when (!_isEnding || e is not IOException)
#pragma warning restore CA1031
        {
            _notice($"its controller is served no more: {e.Message}");
        }
        catch (IOException)
        {
            // Its channel was closed on this side, as its end was asked for.
        }
    }
}
