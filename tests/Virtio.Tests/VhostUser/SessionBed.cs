using System.Runtime.InteropServices;
using Makatea.Platform;

namespace Makatea.Virtio.Tests;

/// <summary>
/// A server with one connection, and the front end's end of it. Its end checks that everything that the front end gave was given up.
/// </summary>
internal sealed class SessionBed : IDisposable
{
    public const ulong UserBase = 0x7f00_0000_0000;
    public const ulong GuestBase = 0x4000_0000;
    public const int MemoryLength = 0x40000;
    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(10);
    private readonly List<FakeGrant> _grants = [];
    private readonly List<FakeMemory> _memories = [];
    private readonly Thread _thread;
    private readonly VirtioDevice? _other;

    public SessionBed(FakeDevice? device = null, int maxRead = int.MaxValue, TimeSpan? watch = null, VirtioDevice? served = null)
    {
        Device = device ?? new FakeDevice();
        _other = served;
        (Ours, Theirs) = FakeChannel.CreatePair(maxRead);
        Server = new VhostUserServer(served ?? Device, Host) { WatchInterval = watch ?? TimeSpan.FromMinutes(1) };
        _thread = new Thread(() => Server.Serve(Ours)) { IsBackground = true };
        _thread.Start();
    }

    public FakeHost Host { get; } = new();

    public FakeDevice Device { get; }

    public VhostUserServer Server { get; }

    /// <summary>The back-end's end of the channel.</summary>
    public FakeChannel Ours { get; }

    /// <summary>The front end's end.</summary>
    public FakeChannel Theirs { get; }

    /// <summary>Makes a grant that must be given up in the end.</summary>
    public FakeGrant Give(object target)
    {
        FakeGrant grant = new(target);
        _grants.Add(grant);
        if (target is FakeMemory memory && !_memories.Contains(memory))
        {
            _memories.Add(memory);
        }

        return grant;
    }

    public static byte[] Bytes<T>(T value)
        where T : unmanaged => MemoryMarshal.AsBytes(new ReadOnlySpan<T>(in value)).ToArray();

    public static byte[] Message(uint request, byte[] payload, uint flags = VhostUserHeader.Version) =>
        [.. Bytes(new VhostUserHeader(request, flags, (uint)payload.Length)), .. payload];

    /// <summary>Sends a request.</summary>
    public void Send(VhostUserRequest request, byte[] payload, params FakeGrant[] grants) =>
        Theirs.SendOriginals(Message((uint)request, payload), grants);

    public void Send<T>(VhostUserRequest request, T payload, params FakeGrant[] grants)
        where T : unmanaged => Send(request, Bytes(payload), grants);

    /// <summary>Sends a request with need_reply and returns the number answered.</summary>
    public ulong Ask(VhostUserRequest request, byte[] payload, params FakeGrant[] grants)
    {
        Theirs.SendOriginals(Message((uint)request, payload, VhostUserHeader.Version | VhostUserHeader.NeedReply), grants);
        return MemoryMarshal.Read<ulong>(Reply(request));
    }

    public ulong Ask<T>(VhostUserRequest request, T payload, params FakeGrant[] grants)
        where T : unmanaged => Ask(request, Bytes(payload), grants);

    /// <summary>Sends a request that is always answered and returns the answer's payload.</summary>
    public byte[] Get(VhostUserRequest request, byte[]? payload = null)
    {
        Send(request, payload ?? []);
        return Reply(request);
    }

    public ulong GetUInt64(VhostUserRequest request) => MemoryMarshal.Read<ulong>(Get(request));

    /// <summary>Receives a reply to <paramref name="request"/>.</summary>
    public byte[] Reply(VhostUserRequest request, List<Grant>? grants = null)
    {
        grants ??= [];
        byte[] header = new byte[VhostUserHeader.Length];
        Assert.Equal(header.Length, WithPatience(() => Theirs.Receive(header, grants)));
        VhostUserHeader read = MemoryMarshal.Read<VhostUserHeader>(header);
        Assert.Equal((uint)request, read.Request);
        Assert.Equal(VhostUserHeader.Version | VhostUserHeader.Reply, read.Flags);
        byte[] payload = new byte[read.Size];
        Assert.True(payload.Length == 0 || WithPatience(() => Theirs.Receive(payload, grants)) == payload.Length);
        return payload;
    }

    /// <summary>Waits until everything sent was handled.</summary>
    public void Sync() => Get(VhostUserRequest.GetFeatures);

    /// <summary>Negotiates: protocol features, all if not said otherwise, and these features.</summary>
    public SessionBed Negotiate(
        ulong features = VirtioFeatures.Version1 | VhostUserFeatures.ProtocolFeatures, VhostUserProtocolFeatures protocolFeatures = VhostUserProtocolFeatures.Offered)
    {
        Send(VhostUserRequest.SetOwner, []);
        Send(VhostUserRequest.SetProtocolFeatures, (ulong)protocolFeatures);
        Send(VhostUserRequest.SetFeatures, features);
        Sync();
        return this;
    }

    /// <summary>Shares one region of memory at <see cref="GuestBase"/>.</summary>
    public FakeMemory ShareMemory()
    {
        FakeMemory memory = new(MemoryLength);
        Assert.Equal(0ul, Ask(VhostUserRequest.SetMemoryTable, Table(Region(0, MemoryLength)), Give(memory)));
        return memory;
    }

    public static VhostUserMemoryRegion Region(ulong offset, ulong size) => new(GuestBase + offset, size, UserBase + offset, offset);

    public static byte[] Table(params VhostUserMemoryRegion[] regions) =>
        [.. Bytes(new VhostUserMemoryHeader((uint)regions.Length, 0)), .. regions.SelectMany(Bytes)];

    /// <summary>Where queue <paramref name="index"/> is: 4 KiB each for its areas, which is room for 256 descriptors.</summary>
    public static VhostUserVringAddress Address(uint index, uint flags = 0, ulong log = 0)
    {
        ulong start = UserBase + (index * 0x4000);
        return new VhostUserVringAddress(index, flags, start, start + 0x1000, start + 0x2000, log);
    }

    /// <summary>Describes and starts a queue as QEMU does, and waits until that was handled.</summary>
    public (FakeDoorbell Kick, FakeDoorbell Call) StartQueue(uint index, ushort size = 128, uint position = 0, uint flags = 0, ulong log = 0)
    {
        FakeDoorbell kick = new();
        FakeDoorbell call = new();
        Send(VhostUserRequest.SetVringNum, new VhostUserVringState(index, size));
        Send(VhostUserRequest.SetVringBase, new VhostUserVringState(index, position));
        Send(VhostUserRequest.SetVringAddress, Address(index, flags, log));
        Send(VhostUserRequest.SetVringKick, (ulong)index, Give(kick));
        Send(VhostUserRequest.SetVringCall, (ulong)index, Give(call));
        Send(VhostUserRequest.SetVringEnable, new VhostUserVringState(index, 1));
        Sync();
        return (kick, call);
    }

    /// <summary>Waits for the connection's end and returns why it came.</summary>
    public Exception? WaitForEnd()
    {
        Assert.True(_thread.Join(_patience), "the connection did not end");
        return Server.LastFault;
    }

    /// <summary>Waits for the end that a broken rule brings, and checks that its message has all of <paramref name="parts"/>.</summary>
    public void ExpectFault(params string[] parts)
    {
        VhostUserProtocolException fault = Assert.IsType<VhostUserProtocolException>(WaitForEnd());
        Assert.All(parts, part => Assert.Contains(part, fault.Message));
    }

    /// <summary>Waits for something.</summary>
    public static void Eventually(Func<bool> condition) => Assert.True(SpinWait.SpinUntil(condition, _patience));

    public void Dispose()
    {
        Theirs.Close();
        WaitForEnd();
        Assert.All(_grants, g => Assert.True(g.IsDisposed, $"a grant of {g.Target} was kept"));
        Assert.All(_grants.Select(g => g.Target).OfType<FakeDoorbell>(), d => Assert.Equal(d.IsOpened, d.IsDisposed));
        Assert.All(_grants.Select(g => g.Target).OfType<FakeChannel>(), c => Assert.Equal(c.IsOpened, c.IsDisposed));
        Assert.All(_memories, m => Assert.Equal(0, m.Mapped));
        Assert.All(Device.Workers, w => Assert.True(w.IsDisposed, "a worker was kept"));
        Assert.True(Ours.IsDisposed);
        Assert.False(Device.HasListeners, "the session still listens to the device");
        Assert.True(Device.Resets != 0 || _other is not null);
        _other?.Dispose();
        foreach (FakeMemory memory in _memories)
        {
            memory.Dispose();
        }
    }

    private static int WithPatience(Func<int> receive)
    {
        Task<int> task = Task.Run(receive);
        return task.Wait(_patience) ? task.Result : throw new TimeoutException("no reply came");
    }
}
