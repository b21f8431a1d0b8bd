namespace Makatea.Platform.Linux.Tests;

public sealed class UnixChannelListenerTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("mk").FullName;
    private readonly LinuxHost _host = new();

    private string SocketFile => Path.Combine(_folder, "s");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Peers_that_connect_are_accepted_in_order()
    {
        using UnixChannelListener listener = UnixChannelListener.Bind(SocketFile);
        for (int i = 0; i < 3; i++)
        {
            using UnixMessageChannel peer = UnixMessageChannel.Connect(SocketFile);
            using MessageChannel ours = listener.Accept()!;
            peer.Send([(byte)i], []);
            byte[] buffer = new byte[1];
            Assert.Equal(1, ours.Receive(buffer, []));
            Assert.Equal(i, buffer[0]);
        }
    }

    [Fact]
    public void Close_wakes_a_blocked_accept()
    {
        using UnixChannelListener listener = UnixChannelListener.Bind(SocketFile);
        MessageChannel? accepted = null;
        Thread acceptor = new(() => accepted = listener.Accept());
        acceptor.Start();
        Thread.Sleep(50);
        listener.Close();
        listener.Close();
        Assert.True(acceptor.Join(TimeSpan.FromSeconds(10)));
        Assert.Null(accepted);
        Assert.Null(listener.Accept());
    }

    [Fact]
    public void The_socket_is_removed_on_dispose()
    {
        UnixChannelListener listener = UnixChannelListener.Bind(SocketFile);
        Assert.True(File.Exists(SocketFile));
        listener.Dispose();
        listener.Dispose();
        Assert.False(File.Exists(SocketFile));
        Assert.Null(listener.Accept());
    }

    [Fact]
    public void A_file_that_took_the_path_since_is_left_alone()
    {
        UnixChannelListener listener = UnixChannelListener.Bind(SocketFile);
        File.Delete(SocketFile);
        File.WriteAllText(SocketFile, "mine");
        listener.Dispose();
        Assert.Equal("mine", File.ReadAllText(SocketFile));
    }

    [Fact]
    public void A_dead_servers_socket_is_replaced()
    {
        LeaveDeadSocket();
        Assert.True(File.Exists(SocketFile));
        using UnixChannelListener listener = UnixChannelListener.Bind(SocketFile);
        using UnixMessageChannel peer = UnixMessageChannel.Connect(SocketFile);
        using MessageChannel? ours = listener.Accept();
        Assert.NotNull(ours);
    }

    [Fact]
    public void A_living_servers_socket_is_not()
    {
        using UnixChannelListener first = UnixChannelListener.Bind(SocketFile);
        IOException e = Assert.Throws<IOException>(() => UnixChannelListener.Bind(SocketFile));
        Assert.Contains("another server listens there", e.Message);
        Assert.True(File.Exists(SocketFile));
    }

    [Fact]
    public void Something_else_in_its_place_is_left_alone()
    {
        File.WriteAllText(SocketFile, "mine");
        IOException e = Assert.Throws<IOException>(() => UnixChannelListener.Bind(SocketFile));
        Assert.Contains("a file is there", e.Message);
        Assert.Equal("mine", File.ReadAllText(SocketFile));
    }

    [Fact]
    public void Errors_say_what_is_wrong()
    {
        Assert.Contains("folder does not exist", Assert.Throws<IOException>(() => UnixChannelListener.Bind(SocketFile + "/x")).Message);
        Assert.Contains("1 to 107 bytes", Assert.Throws<ArgumentException>(() => UnixChannelListener.Bind(_folder + new string('x', 100))).Message);
        Assert.Contains("start its server first", Assert.Throws<IOException>(() => UnixMessageChannel.Connect(SocketFile)).Message);
        LeaveDeadSocket();
        Assert.Contains("nobody listens", Assert.Throws<IOException>(() => UnixMessageChannel.Connect(SocketFile)).Message);
    }

    [Fact]
    public void A_path_of_107_bytes_is_bound()
    {
        string path = Path.Combine(_folder, new string('x', 106 - _folder.Length));
        Assert.Equal(107, path.Length);
        using UnixChannelListener listener = UnixChannelListener.Bind(path);
        using UnixMessageChannel peer = UnixMessageChannel.Connect(path);
    }

    [Fact]
    public void A_granted_listening_socket_is_served_and_stays_usable_for_others()
    {
        using LinuxGrant socket = CreateListeningSocket();
        using LinuxGrant copy = LinuxGrant.Adopt(Libc.Fcntl(socket.Handle, Libc.F_DUPFD_CLOEXEC, 0));
        using (UnixChannelListener first = socket.OpenListener())
        {
            Assert.False(first.IsSingle);
            using UnixMessageChannel peer = UnixMessageChannel.Connect(SocketFile);
            using MessageChannel? ours = first.Accept();
            Assert.NotNull(ours);
            first.Close();
            Assert.Null(first.Accept());
        }

        // As after a restart of the component: the manager still holds the socket, and peers connect meanwhile.
        using UnixMessageChannel waiting = UnixMessageChannel.Connect(SocketFile);
        using UnixChannelListener second = copy.OpenListener();
        using MessageChannel? accepted = second.Accept();
        Assert.NotNull(accepted);
        Assert.True(File.Exists(SocketFile));
    }

    [Fact]
    public void A_granted_connected_socket_is_accepted_once()
    {
        using MessageChannel ours = _host.CreateChannel(out Grant peer);
        using UnixChannelListener listener = ((LinuxGrant)peer).OpenListener();
        Assert.True(listener.IsSingle);
        using MessageChannel? channel = listener.Accept();
        Assert.NotNull(channel);
        Assert.Null(listener.Accept());
        listener.Dispose();
        ours.Send("x"u8, []);
        Assert.Equal(1, channel.Receive(new byte[1], []));
    }

    [Fact]
    public void A_listening_socket_is_no_channel_and_memory_no_listener()
    {
        using LinuxGrant socket = CreateListeningSocket();
        Assert.Contains("listening socket", Assert.Throws<GrantException>(socket.OpenChannel).Message);
        using LinuxGrant memory = (LinuxGrant)_host.CreateMemory("test", 4096);
        Assert.Contains("no socket", Assert.Throws<GrantException>(memory.OpenListener).Message);
    }

    [Fact]
    public void A_peer_that_left_before_it_was_accepted_is_an_end()
    {
        using UnixChannelListener listener = UnixChannelListener.Bind(SocketFile);
        UnixMessageChannel.Connect(SocketFile).Dispose();
        using MessageChannel? ours = listener.Accept();
        Assert.Equal(0, ours!.Receive(new byte[1], []));
    }

    private void LeaveDeadSocket()
    {
        using LinuxGrant socket = CreateListeningSocket();
    }

    private LinuxGrant CreateListeningSocket()
    {
        Microsoft.Win32.SafeHandles.SafeFileHandle socket = UnixSocket.Create();
        _ = SocketPath.Bind(socket, SocketFile);
        Assert.Equal(0, Libc.Listen(socket, 8));
        return new LinuxGrant(socket);
    }
}
