using Makatea.PciModel;
using Makatea.Platform;
using Makatea.Platform.Linux;

namespace Makatea.Drivers.Pci.Tests;

/// <summary>A <see cref="FunctionServer"/> over a fake function on a thread of its own, and the component's end.</summary>
internal sealed class ChannelBed : IDisposable
{
    private readonly FunctionServer _server;
    private readonly Thread _thread;
    private readonly ChannelFunction? _remote;

    public ChannelBed(bool connect = true)
    {
        Function = new FakeFunction(Host.CreateDoorbell);
        MessageChannel channel = Host.CreateChannel(out Grant peer);
        using (peer)
        {
            Channel = peer.OpenChannel();
        }

        _server = new FunctionServer(Function, Host, channel);
        _thread = new Thread(Serve) { IsBackground = true };
        _thread.Start();
        _remote = connect ? new ChannelFunction(Channel, Host) : null;
    }

    public LinuxHost Host { get; } = new();

    public FakeFunction Function { get; }

    /// <summary>The component's end, for those that do not connect.</summary>
    public MessageChannel Channel { get; }

    public ChannelFunction Remote => _remote!;

    public ulong Ask(FunctionOperation operation, int index = 0, ulong address = 0, ulong length = 0, int width = 0, ulong value = 0, Grant? grant = null) => Remote.Ask(
        new FunctionRequest { Operation = operation, Index = (byte)index, Address = address, Length = length, Width = (ushort)width, Value = value }, grant, out _, out _);

    public void EndServer()
    {
        _server.Close();
        Assert.True(WaitForServer());
        _server.Dispose();
    }

    public bool WaitForServer() => _thread.Join(TimeSpan.FromSeconds(10));

    public void Dispose()
    {
        _remote?.Dispose();
        Channel.Dispose();
        Assert.True(WaitForServer());
        _server.Dispose();
    }

    private void Serve()
    {
        try
        {
            _server.Run();
        }
        catch (IOException)
        {
            // The component sent what is no request, or the test closed the channel.
        }
    }
}
