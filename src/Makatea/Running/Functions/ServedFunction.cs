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

    /// <summary>Takes over function, space and channel, and serves.</summary>
    public ServedFunction(PciFunction function, DmaSpace space, MessageChannel channel, Action<string> notice)
    {
        _space = space;
        _notice = notice;
        _server = new FunctionServer(function, new LinuxHost(), channel);
        _thread = new Thread(Serve) { IsBackground = true, Name = $"serve {function.Address}" };
        _thread.Start();
    }

    /// <summary>Ends it, and returns when the function is off and reaches nothing.</summary>
    public void Dispose()
    {
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
        catch (Exception e)
#pragma warning restore CA1031
        {
            _notice($"its controller is served no more: {e.Message}");
        }
    }
}
