using System.Buffers.Binary;

namespace Makatea.Platform.Sel4.Tests;

/// <summary>Channels between two components, whose ends come and go, and what a hostile peer can do to one.</summary>
public sealed class ChannelTests : IDisposable
{
    private const string Disk = "client/data";
    private const int CallerLine = 0;
    private const int ServerLine = 128;
    private const int Written = 64;
    private const int Read = 68;
    private const int Rings = 4096;
    private const int RingLength = 16 << 10;
    private static readonly ManifestGrant _channel = new(Disk, GrantType.Channel, 0);
    private static readonly ManifestGrant _listener = new(Disk, GrantType.Listener, 0);

    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(30);

    private readonly ModelSystem _system = new();
    private readonly ModelComponent _client;
    private readonly ModelComponent _server;

    public ChannelTests()
    {
        _system.AddDisk(Disk, 1 << 16);
        _client = new(_system, "client", _system.Disk(Disk, serves: false));
        _server = new(_system, "server", _system.Disk(Disk, serves: true));
    }

    public void Dispose() => _system.Dispose();

    [Fact]
    public void Bytes_arrive_in_order_with_the_grants_of_their_message()
    {
        using ChannelListener listener = Listen(_server);
        (MessageChannel caller, MessageChannel server) = Connect(listener);
        using Grant memory = _client.Component.Host.For(caller).CreateMemory("guest", 1 << 16);
        using Doorbell kick = _client.Component.Host.CreateDoorbell();
        using Grant shared = _client.Component.Host.For(caller).ShareDoorbell(kick, DoorbellEnd.Wait);
        caller.Send([1, 2, 3, 4, 5], [memory, shared]);
        caller.Send([6, 7], []);
        List<Grant> grants = [];
        byte[] bytes = new byte[3];
        Assert.Equal(3, server.Receive(bytes, grants));
        Assert.Equal([1, 2, 3], bytes);
        Assert.Equal(2, grants.Count);

        // A message's grants come with its first byte, so what follows is another turn.
        Assert.Equal(2, server.Receive(bytes, grants));
        Assert.Equal(2, server.Receive(bytes, grants));
        Assert.Equal([6, 7], bytes[..2]);
        Assert.Equal(2, grants.Count);

        using MappedMemory ours = memory.Map(0, 1 << 16, MemoryAccess.ReadWrite);
        using MappedMemory theirs = grants[0].Map(4096, 4096, MemoryAccess.ReadWrite);
        ours.Slice(4096, 4).AsSpan().Fill(9);
        Assert.Equal([9, 9, 9, 9], theirs.Slice(0, 4).AsSpan().ToArray());
        using Doorbell heard = grants[1].OpenDoorbell();
        using DoorbellWaiter waiter = _server.Component.Host.CreateWaiter();
        waiter.Add(heard, 0);
        Assert.Equal(1ul, waiter.Wait(0));
        kick.Ring();
        Assert.Equal(1ul, waiter.Wait(0));
        Assert.Throws<GrantException>(() => grants[0].OpenDoorbell());
        Assert.Throws<GrantException>(() => grants[1].Map(0, 1, MemoryAccess.Read));
        Assert.Throws<GrantException>(() => grants[0].Map(1, 1 << 16, MemoryAccess.Read));
    }

    [Fact]
    public async Task Messages_longer_than_the_ring_pass_while_somebody_reads()
    {
        using ChannelListener listener = Listen(_server);
        (MessageChannel caller, MessageChannel server) = Connect(listener);
        byte[] sent = new byte[300_001];
        new Random(4).NextBytes(sent);
        Task sending = Task.Run(() => caller.Send(sent, []));
        byte[] received = new byte[sent.Length];
        List<Grant> grants = [];
        for (int count = 0; count < received.Length;)
        {
            count += server.Receive(received.AsSpan(count, Math.Min(received.Length - count, 1000)), grants);
        }

        await sending.WaitAsync(_patience);
        Assert.Equal(sent, received);
    }

    [Fact]
    public void What_was_sent_before_the_end_is_received_before_it()
    {
        using ChannelListener listener = Listen(_server);
        (MessageChannel caller, MessageChannel server) = Connect(listener);
        caller.Send([1], []);
        caller.Dispose();
        byte[] bytes = new byte[8];
        Assert.Equal(1, server.Receive(bytes, []));
        Assert.Equal(0, server.Receive(bytes, []));
        Assert.Throws<IOException>(() => server.Send([1], []));
    }

    [Fact]
    public async Task Closing_ends_a_receive_on_either_side()
    {
        using ChannelListener listener = Listen(_server);
        (MessageChannel caller, MessageChannel server) = Connect(listener);
        Task<int> theirs = Task.Run(() => server.Receive(new byte[8], []));
        Task ours = Task.Run(() => Assert.Throws<IOException>(() => caller.Receive(new byte[8], [])));
        Thread.Sleep(20);
        caller.Close();
        Assert.Equal(0, await theirs.WaitAsync(_patience));
        await ours.WaitAsync(_patience);
        Assert.True(((RegionChannel)server).IsEnded);
    }

    [Fact]
    public async Task A_caller_that_comes_again_is_another_session()
    {
        using ChannelListener listener = Listen(_server);
        (MessageChannel first, MessageChannel served) = Connect(listener);
        first.Send([1, 2, 3], []);

        // As when the client dies: nobody closes, and the next one starts from nothing.
        using ModelComponent again = new(_system, "client", _system.Disk(Disk, serves: false), generation: 2);
        Task<MessageChannel> connecting = Task.Run(() => Open(again));
        byte[] bytes = new byte[8];
        while (served.Receive(bytes, []) != 0)
        {
        }

        served.Dispose();
        using MessageChannel next = listener.Accept()!;
        using MessageChannel caller = await connecting.WaitAsync(_patience);
        caller.Send([4], []);
        Assert.Equal(1, next.Receive(bytes, []));
        Assert.Equal(4, bytes[0]);
    }

    [Fact]
    public async Task A_server_that_is_started_again_ends_the_session_of_the_one_before()
    {
        ChannelListener old = Listen(_server);
        (MessageChannel caller, _) = Connect(old);
        caller.Send([1], []);
        Task<int> receiving = Task.Run(() => caller.Receive(new byte[8], []));
        _server.Dispose();
        using ModelComponent again = new(_system, "server", _system.Disk(Disk, serves: true), generation: 2);
        using ChannelListener listener = Listen(again);
        Assert.Equal(0, await receiving.WaitAsync(_patience));
        Assert.True(((RegionChannel)caller).IsEnded);
        caller.Dispose();
        (MessageChannel next, MessageChannel served) = Connect(listener);
        next.Send([2], []);
        byte[] bytes = new byte[8];
        Assert.Equal(1, served.Receive(bytes, []));
        Assert.Equal(2, bytes[0]);
    }

    [Fact]
    public async Task A_listener_that_is_closed_accepts_nobody()
    {
        ChannelListener listener = Listen(_server);
        Task<MessageChannel?> accepting = Task.Run(listener.Accept);
        Thread.Sleep(20);
        listener.Close();
        Assert.Null(await accepting.WaitAsync(_patience));
        listener.Dispose();
    }

    [Fact]
    public void Waiters_are_given_back_by_channels_and_listeners()
    {
        for (int i = 0; i < 2 * ModelComponent.Waiters; i++)
        {
            using ChannelListener listener = Listen(_server);
            (MessageChannel caller, MessageChannel served) = Connect(listener);
            caller.Dispose();
            served.Dispose();
        }
    }

    [Fact]
    public void Either_end_does_its_own_part_alone()
    {
        using Grant grant = _server.Component.Grants.Open(_channel);
        Assert.Throws<GrantException>(grant.OpenChannel);
        Assert.Throws<GrantException>(() => Listen(_client));
        Assert.Throws<GrantException>(() => _client.Component.Grants.Open(_channel with { Name = "other" }));
    }

    [Fact]
    public void A_peer_names_nothing_but_what_the_channel_has()
    {
        _system.AddRegion("secret", 4096);
        _system.AddRegion(Disk + ".write-cache", 4096);
        Dictionary<string, Makatea.Sel4.GrantInfo> grants = _system.Disk(Disk, serves: true);
        grants.Add("secret", _system.Region("secret", true));
        grants.Add(Disk + ".write-cache", _system.Region(Disk + ".write-cache", true));
        using ModelComponent server = new(_system, "server", grants);
        using ChannelListener listener = Listen(server);
        (MessageChannel caller, MessageChannel served) = Connect(listener);
        foreach (string name in (string[])["secret", Disk + ".write-cache", Disk])
        {
            ulong number = _system.Region(name, true).Number;
            Write(Rings, 1, [((ulong)ChannelObjectKind.Region, number)]);
            List<Grant> received = [];
            Assert.Equal(1, served.Receive(new byte[8], received));
            Assert.Throws<GrantException>(() => Assert.Single(received).Map(0, 4096, MemoryAccess.Read));
        }

        foreach ((ulong kind, ulong number) in ((ulong, ulong)[])[(0, 0), (ulong.MaxValue, 0), ((ulong)ChannelObjectKind.Doorbell, 99), ((ulong)ChannelObjectKind.Doorbell, _system.Doorbell(Disk + ".request").Number)])
        {
            Write(Rings, 1, [(kind, number)]);
            List<Grant> received = [];
            Assert.Equal(1, served.Receive(new byte[8], received));
            Assert.Throws<GrantException>(() => Assert.Single(received).OpenDoorbell());
            Assert.Throws<GrantException>(() => received[0].OpenChannel());
        }

        caller.Dispose();
    }

    [Theory]
    [InlineData(0, 0, 16)]
    [InlineData(RingLength + 1, 0, 16)]
    [InlineData(-1, 0, 16)]
    [InlineData(1, 9, 16)]
    [InlineData(1, -1, 16)]
    [InlineData(9, 0, 16)]
    [InlineData(1, 1, 16)]
    [InlineData(1, 0, RingLength + 8)]
    [InlineData(1, 0, -8)]
    [InlineData(1, 0, 4)]
    [InlineData(int.MaxValue, 0, RingLength)]
    [InlineData(RingLength, 8, RingLength)]
    public void A_record_that_cannot_be_ends_the_channel(int length, int grants, int written)
    {
        using ChannelListener listener = Listen(_server);
        (_, MessageChannel served) = Connect(listener);
        Span<byte> region = _system.Region(Disk);
        BinaryPrimitives.WriteInt32LittleEndian(region[Rings..], length);
        BinaryPrimitives.WriteInt32LittleEndian(region[(Rings + 4)..], grants);
        BinaryPrimitives.WriteInt32LittleEndian(region[(CallerLine + Written)..], written);
        Assert.Contains("breaks the ring", Assert.Throws<IOException>(() => served.Receive(new byte[8], [])).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_reader_that_takes_what_was_not_sent_ends_the_channel()
    {
        using ChannelListener listener = Listen(_server);
        (_, MessageChannel served) = Connect(listener);
        BinaryPrimitives.WriteInt32LittleEndian(_system.Region(Disk)[(CallerLine + Read)..], 8);
        Assert.Contains("breaks the ring", Assert.Throws<IOException>(() => served.Send([1], [])).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_reader_that_does_not_read_is_not_waited_for_for_ever()
    {
        using ChannelListener listener = Listen(_server);
        (_, MessageChannel served) = Connect(listener);
        ((RegionChannel)served).SendTimeout = TimeSpan.FromMilliseconds(100);
        Assert.Contains("did not read", Assert.Throws<IOException>(() => served.Send(new byte[2 * RingLength], [])).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Any_bytes_in_the_region_end_a_session_and_harm_nothing()
    {
        using ChannelListener listener = Listen(_server);
        var random = new Random(5);
        byte[] buffer = new byte[512];
        uint session = 1000;
        for (int i = 0; i < 2000; i++)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(_system.Region(Disk)[CallerLine..], ++session);
            using MessageChannel served = listener.Accept()!;
            ((RegionChannel)served).SendTimeout = TimeSpan.Zero;
            random.NextBytes(_system.Region(Disk)[(Rings + random.Next(64))..(Rings + 128)]);
            BinaryPrimitives.WriteInt32LittleEndian(_system.Region(Disk)[(CallerLine + Written)..], random.Next(2) == 0 ? random.Next() : 8 * random.Next(16));
            BinaryPrimitives.WriteInt32LittleEndian(_system.Region(Disk)[(CallerLine + Read)..], random.Next(4) == 0 ? random.Next() : 0);
            Exception? end = Record.Exception(() =>
            {
                served.Send(buffer.AsSpan(0, 100), []);
                BinaryPrimitives.WriteUInt32LittleEndian(_system.Region(Disk)[CallerLine..], 0);
                while (served.Receive(buffer, []) != 0)
                {
                }
            });
            Assert.True(end is null or IOException, end?.ToString());
        }
    }

    [Fact]
    public void Shared_memory_and_doorbells_are_those_of_the_channel_and_come_back()
    {
        using ChannelListener listener = Listen(_server);
        (MessageChannel caller, MessageChannel served) = Connect(listener);
        ComponentHost clients = _client.Component.Host.For(caller);
        ComponentHost servers = _server.Component.Host.For(served);
        Assert.Throws<IOException>(() => _client.Component.Host.CreateMemory("any", 1));
        Assert.Throws<IOException>(() => clients.CreateMemory("long", (1 << 16) + 1));
        _system.Region(Disk + ".memory").Fill(7);
        Grant memory = clients.CreateMemory("guest", 100);
        MappedMemory mapped = memory.Map(0, 100, MemoryAccess.ReadWrite);
        Assert.Equal(-1, _system.Region(Disk + ".memory").IndexOfAnyExcept((byte)0));
        Assert.Throws<IOException>(() => clients.CreateMemory("second", 1));
        memory.Dispose();
        Assert.Throws<IOException>(() => clients.CreateMemory("second", 1));
        mapped.Dispose();
        clients.CreateMemory("third", 1).Dispose();

        // The server hands out its own, not the guest's.
        using Grant inflight = servers.CreateMemory("inflight", 1 << 16);
        inflight.Map(0, 1, MemoryAccess.ReadWrite).Slice(0, 1).AsSpan()[0] = 3;
        Assert.Equal(3, _system.Region(Disk + ".inflight")[0]);

        Doorbell kick = clients.CreateDoorbell();
        clients.ShareDoorbell(kick, DoorbellEnd.Wait).Dispose();
        clients.ShareDoorbell(kick, DoorbellEnd.Wait).Dispose();
        using Doorbell second = clients.CreateDoorbell();
        Assert.Contains("in use", Assert.Throws<IOException>(() => clients.ShareDoorbell(second, DoorbellEnd.Wait)).Message, StringComparison.Ordinal);
        Assert.Throws<InvalidOperationException>(() => clients.ShareDoorbell(kick, DoorbellEnd.Ring));
        kick.Dispose();
        clients.ShareDoorbell(second, DoorbellEnd.Wait).Dispose();
    }

    [Fact]
    public void A_doorbell_that_is_waited_for_already_can_be_shared_to_be_rung()
    {
        using ChannelListener listener = Listen(_server);
        (MessageChannel caller, MessageChannel served) = Connect(listener);
        ComponentHost clients = _client.Component.Host.For(caller);
        using DoorbellWaiter waiter = clients.CreateWaiter();
        using Doorbell call = clients.CreateDoorbell();
        waiter.Add(call, 4);
        Assert.Equal(16ul, waiter.Wait(0));
        using Grant shared = clients.ShareDoorbell(call, DoorbellEnd.Ring);
        caller.Send([1], [shared]);
        List<Grant> grants = [];
        Assert.Equal(1, served.Receive(new byte[1], grants));
        using Doorbell theirs = Assert.Single(grants).OpenDoorbell();
        theirs.Ring();
        Assert.Equal(16ul, waiter.Wait(DoorbellWaiter.Forever));
    }

    private static ChannelListener Listen(ModelComponent component) => component.Component.Grants.OpenListener(_listener);

    private static MessageChannel Open(ModelComponent component)
    {
        using Grant grant = component.Component.Grants.Open(_channel);
        return grant.OpenChannel();
    }

    private (MessageChannel Caller, MessageChannel Server) Connect(ChannelListener listener)
    {
        Task<MessageChannel> connecting = Task.Run(() => Open(_client));
        MessageChannel served = listener.Accept()!;
        while (!connecting.IsCompleted && ((RegionChannel)served).IsEnded)
        {
            served = listener.Accept()!;
        }

        return (connecting.WaitAsync(_patience).GetAwaiter().GetResult(), served);
    }

    /// <summary>Writes a record as a caller does.</summary>
    private void Write(int ring, int length, (ulong Kind, ulong Number)[] grants)
    {
        Span<byte> region = _system.Region(Disk);
        uint written = BinaryPrimitives.ReadUInt32LittleEndian(region[(CallerLine + Written)..]);
        Assert.Equal(written, BinaryPrimitives.ReadUInt32LittleEndian(region[(ServerLine + Read)..]));
        int at = ring + (int)written;
        BinaryPrimitives.WriteInt32LittleEndian(region[at..], length);
        BinaryPrimitives.WriteInt32LittleEndian(region[(at + 4)..], grants.Length);
        for (int i = 0; i < grants.Length; i++)
        {
            BinaryPrimitives.WriteUInt64LittleEndian(region[(at + 8 + (16 * i))..], grants[i].Kind);
            BinaryPrimitives.WriteUInt64LittleEndian(region[(at + 16 + (16 * i))..], grants[i].Number);
        }

        BinaryPrimitives.WriteUInt32LittleEndian(region[(CallerLine + Written)..], written + 8 + (16 * (uint)grants.Length) + (((uint)length + 7) & ~7u));
    }
}
