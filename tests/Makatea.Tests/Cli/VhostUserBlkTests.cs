using System.Diagnostics;
using System.Security.Cryptography;
using Makatea.Cli;
using Makatea.Platform;
using Makatea.Platform.Linux;
using Makatea.Virtio.Testing;

namespace Makatea.Tests.Cli;

/// <summary>Runs the program as others do: QEMU's vhost-user document, section "Backend program conventions".</summary>
public sealed class VhostUserBlkTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();
    private readonly LinuxHost _host = new();

    public void Dispose() => _directory.Dispose();

    private string Socket => Path.Combine(_directory.Path, "socket");

    private string Image()
    {
        string path = Path.Combine(_directory.Path, "image");
        File.WriteAllBytes(path, new byte[1 << 20]);
        return path;
    }

    /// <summary>With the descriptors it is to inherit; ends with the test, whatever happens.</summary>
    private static SandboxedProcess Start(LinuxGrant? inherited, params string[] arguments)
    {
        SandboxOptions options = DotnetSandbox.ForAssembly(typeof(Application).Assembly.Location, ["vhost-user-blk", .. arguments]);
        return SandboxedProcess.Start(options with
        {
            Layers = SandboxLayers.DiesWithParent | SandboxLayers.NoNewPrivileges,
            Required = SandboxLayers.DiesWithParent,
            Descriptors = inherited is null ? [] : new Dictionary<int, System.Runtime.InteropServices.SafeHandle> { [9] = inherited.Handle },
        });
    }

    private VirtioBlkDriver Connect()
    {
        var watch = Stopwatch.StartNew();
        while (true)
        {
            try
            {
                return new VirtioBlkDriver(UnixMessageChannel.Connect(Socket), _host, new VirtioBlkDriverOptions());
            }
            catch (IOException) when (watch.Elapsed < TimeSpan.FromSeconds(20))
            {
                // It does not listen yet; that the socket is there is not enough.
                Thread.Sleep(10);
            }
        }
    }

    [Fact]
    public void Serves_one_front_end_after_the_other_until_SIGTERM()
    {
        string image = Image();
        using SandboxedProcess process = Start(null, $"--socket-path={Socket}", $"--blk-file={image}", "--serial=abc");
        byte[] data = RandomNumberGenerator.GetBytes(4096);
        using (VirtioBlkDriver first = Connect())
        {
            Assert.Equal(BlkStatus.Ok, first.Write(8, data));
        }

        using (VirtioBlkDriver second = Connect())
        {
            byte[] read = new byte[4096];
            Assert.Equal(BlkStatus.Ok, second.Read(8, read));
            Assert.Equal(data, read);
            Assert.Equal(BlkStatus.Ok, second.GetId(out string id));
            Assert.Equal("abc", id);
            process.Terminate();
            Assert.True(process.WaitForExit(TimeSpan.FromSeconds(10)));
        }

        Assert.Equal(0, process.WaitForExit().Code);
        Assert.False(File.Exists(Socket));
        Assert.Equal(data, File.ReadAllBytes(image)[4096..8192]);
    }

    [Fact]
    public void Serves_a_connected_socket_that_it_inherited_and_ends_with_it()
    {
        MessageChannel channel = _host.CreateChannel(out Grant peer);
        using SandboxedProcess process = Start((LinuxGrant)peer, "--fd=9", "--blk-file=null:1M", "--num-queues=4");
        peer.Dispose();
        using (var driver = new VirtioBlkDriver(channel, _host, new VirtioBlkDriverOptions { QueueCount = 4 }))
        {
            Assert.Equal(2048ul, driver.Config.Capacity);
            Assert.Equal(BlkStatus.Ok, driver.Flush(queue: 3));
        }

        Assert.True(process.WaitForExit(TimeSpan.FromSeconds(10)));
        Assert.Equal(0, process.WaitForExit().Code);
    }

    [Fact]
    public void Serves_a_listening_socket_that_it_inherited()
    {
        using UnixChannelListener listener = UnixChannelListener.Bind(Socket);
        using var grant = new LinuxGrant(new Microsoft.Win32.SafeHandles.SafeFileHandle(listener.Handle.DangerousGetHandle(), ownsHandle: false));
        using SandboxedProcess process = Start(grant, "--fd=9", "--blk-file=null:1M");
        for (int i = 0; i < 2; i++)
        {
            using VirtioBlkDriver driver = Connect();
            Assert.Equal(BlkStatus.Ok, driver.Flush());
        }

        process.Terminate();
        Assert.Equal(0, process.WaitForExit().Code);
        Assert.True(File.Exists(Socket)); // it is not ours to remove
    }

    [Fact]
    public void Read_only_is_read_only()
    {
        string image = Image();
        File.SetUnixFileMode(image, UnixFileMode.UserRead);
        using SandboxedProcess process = Start(null, $"--socket-path={Socket}", $"--blk-file={image}", "--read-only");
        using VirtioBlkDriver driver = Connect();
        Assert.NotEqual(0ul, driver.Features & BlkFeatures.ReadOnly);
        Assert.NotEqual(BlkStatus.Ok, driver.Write(0, new byte[512]));
    }

    [Theory]
    [InlineData(1, "--socket-path=/nonexistent/socket", "--blk-file=null:1M")]
    [InlineData(1, "--socket-path=SOCKET", "--blk-file=/nonexistent")]
    [InlineData(1, "--socket-path=SOCKET", "--blk-file=/dev/null", "--partition=1")]
    [InlineData(1, "--fd=9", "--blk-file=null:1M")]
    [InlineData(2, "--socket-path=SOCKET", "--blk-file=null:1")]
    [InlineData(2, "--socket-path=SOCKET", "--blk-file=null:1M", "--num-queues=0")]
    [InlineData(2, "--socket-path=SOCKET", "--blk-file=null:1M", "--queue-size=100")]
    [InlineData(2, "--socket-path=SOCKET", "--blk-file=null:1M", "--bps=10")]
    [InlineData(2, "--socket-path=SOCKET", "--blk-file=null:1M", "--engine=steam")]
    public void What_cannot_be_done_ends_it_early_with_a_status(int status, params string[] arguments)
    {
        using SandboxedProcess process = Start(null, [.. arguments.Select(a => a.Replace("SOCKET", Socket, StringComparison.Ordinal))]);
        Assert.True(process.WaitForExit(TimeSpan.FromSeconds(20)));
        Assert.Equal(status, process.WaitForExit().Code);
        Assert.False(File.Exists(Socket));
    }
}
