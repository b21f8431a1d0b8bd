using System.Diagnostics;
using Makatea.Cli;
using Makatea.Platform;
using Makatea.Platform.Linux;
using Makatea.Virtio.Testing;

namespace Makatea.Tests.Cli;

/// <summary>Runs the program as others do: QEMU's vhost-user document, section "Backend program conventions".</summary>
public sealed class VhostUserNetTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();
    private readonly LinuxHost _host = new();

    private string Socket => Path.Combine(_directory.Path, "socket");

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void Says_what_it_can_do_whatever_else_is_asked()
    {
        using StringWriter output = new();
        Assert.Equal(0, Application.Run(["vhost-user-net", "--print-capabilities", "--nonsense"], output, TextWriter.Null));
        Assert.Contains("\"type\": \"net\"", output.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("one", "vhost-user-net")]
    [InlineData("hub", "vhost-user-net", "--socket-path=s", "--mode=hub")]
    [InlineData("127", "vhost-user-net", "--socket-path=s", "--queues=128")]
    [InlineData("68 to 65535", "vhost-user-net", "--socket-path=s", "--mtu=67")]
    public void Refuses_what_is_not_possible_and_says_what_is(string hint, params string[] arguments)
    {
        using StringWriter error = new();
        Assert.Equal(ExitCode.Usage, Application.Run(arguments, TextWriter.Null, error));
        Assert.Contains(hint, error.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Switches_between_front_ends_until_SIGTERM()
    {
        using SandboxedProcess process = Start($"--socket-path={Socket}");
        using DriverNetPort first = Connect(0x1000_0000);
        using DriverNetPort second = Connect(0x2000_0000);
        using NetQueue a = Open(first);
        using NetQueue b = Open(second);
        using NativeArray<byte> memory = new(8 * 2048);
        using NativeArray<MemorySegment> piece = new(1);
        for (int i = 0; i < 4; i++)
        {
            Assert.Equal(1, a.Supply([new NetBuffer(memory.AsSegment(i * 2048, 2048), i)]));
            Assert.Equal(1, b.Supply([new NetBuffer(memory.AsSegment((i + 4) * 2048, 2048), i + 4)]));
        }

        byte[] frame = [255, 255, 255, 255, 255, 255, 2, 0, 0, 0, 0, 1, 0x88, 0xb5, .. new byte[46]];
        Assert.Equal(frame, Exchange(a, b, frame));
        byte[] answer = [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x88, 0xb5, .. new byte[46]];
        Assert.Equal(answer, Exchange(b, a, answer));
        process.Terminate();
        Assert.True(process.WaitForExit(TimeSpan.FromSeconds(10)));
        Assert.Equal(0, process.WaitForExit().Code);

        byte[] Exchange(NetQueue from, NetQueue to, byte[] sent)
        {
            using NativeArray<byte> bytes = new(sent.Length);
            sent.CopyTo(bytes.AsSpan());
            piece[0] = bytes.AsSegment();
            NetReceived[] received = new NetReceived[4];
            int count = 0;
            Assert.Equal(1, from.Transmit([new NetFrame { Data = ScatterList.Of(piece, 0, 1), Length = sent.Length }]));
            Assert.True(SpinWait.SpinUntil(() => (count = to.Receive(received)) != 0, TimeSpan.FromSeconds(20)), "nothing was received");
            Assert.Equal(1, count);
            return [.. memory.AsSpan(received[0].Tag * 2048, received[0].Length)];
        }
    }

    private static NetQueue Open(DriverNetPort port) => port.OpenQueue(0, new NetQueueOptions { ReceiveBufferLength = 2048 });

    private static SandboxedProcess Start(params string[] arguments)
    {
        SandboxOptions options = DotnetSandbox.ForAssembly(typeof(Application).Assembly.Location, ["vhost-user-net", .. arguments]);
        return SandboxedProcess.Start(options with { Layers = SandboxLayers.DiesWithParent | SandboxLayers.NoNewPrivileges, Required = SandboxLayers.DiesWithParent });
    }

    private DriverNetPort Connect(ulong memory)
    {
        var watch = Stopwatch.StartNew();
        while (true)
        {
            try
            {
                return new DriverNetPort(UnixMessageChannel.Connect(Socket), _host, new DriverNetOptions { MemoryAddress = memory });
            }
            catch (IOException) when (watch.Elapsed < TimeSpan.FromSeconds(20))
            {
                // It does not listen yet; that the socket is there is not enough.
                Thread.Sleep(10);
            }
        }
    }
}
