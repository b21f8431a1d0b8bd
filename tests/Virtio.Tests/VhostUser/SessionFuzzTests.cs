namespace Makatea.Virtio.Tests;

/// <summary>
/// Sessions under random and nearly valid messages: none may end in anything but a broken rule or a channel's end, nor keep
/// what it was given. Each seed is a run of its own and can be repeated.
/// </summary>
[Trait("Category", "Long")]
public sealed class SessionFuzzTests
{
    private static readonly VhostUserRequest[] _all = [.. Enum.GetValues<VhostUserRequest>()];

    /// <summary>Those that a session survives in most states, so that it comes to deep ones.</summary>
    private static readonly VhostUserRequest[] _usual =
    [
        VhostUserRequest.SetFeatures, VhostUserRequest.SetMemoryTable, VhostUserRequest.AddMemoryRegion, VhostUserRequest.RemoveMemoryRegion,
        VhostUserRequest.SetLogBase, VhostUserRequest.SetLogFd, VhostUserRequest.SetVringAddress, VhostUserRequest.GetVringBase,
        VhostUserRequest.SetVringKick, VhostUserRequest.SetVringKick, VhostUserRequest.SetVringCall, VhostUserRequest.SetVringError,
        VhostUserRequest.SetVringEnable, VhostUserRequest.SetVringEnable, VhostUserRequest.SetStatus, VhostUserRequest.GetConfig,
        VhostUserRequest.SetBackendRequestFd, VhostUserRequest.GetInflightFd,
    ];

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public void Random_bytes_end_the_connection(int seed)
    {
        Random random = new(seed);
        for (int i = 0; i < 100; i++)
        {
            using SessionBed bed = new();
            byte[] bytes = new byte[random.Next(1, 300)];
            random.NextBytes(bytes);
            bed.Theirs.SendOriginals(bytes);
            bed.Theirs.Close();
            Assert.IsType<VhostUserProtocolException>(bed.WaitForEnd());
        }
    }

    [Theory]
    [InlineData(11)]
    [InlineData(12)]
    [InlineData(13)]
    [InlineData(14)]
    public void Nearly_valid_sessions_keep_the_rules_of_the_device_and_give_all_up(int seed)
    {
        Random random = new(seed);
        long served = 0;
        for (int i = 0; i < 300; i++)
        {
            using SessionBed bed = new();
            FakeMemory memory = new(SessionBed.MemoryLength);
            if (random.Next(4) != 0)
            {
                bed.Negotiate().ShareMemory();
                bed.StartQueue(0);
                bed.StartQueue(1);
            }

            int messages = random.Next(1, 60);
            for (int m = 0; m < messages && Step(bed, memory, random); m++)
            {
            }

            bed.Theirs.EndSending();
            Exception? fault = bed.WaitForEnd();
            Assert.True(fault is null or VhostUserProtocolException or IOException, fault?.ToString());
            served += bed.Device.Workers.Count;
        }

        // A fuzzer whose sessions do not come to serve rings in changing circumstances tests little.
        Assert.InRange(served, 1000, long.MaxValue);
    }

    private static bool Step(SessionBed bed, FakeMemory memory, Random random)
    {
        VhostUserRequest[] requests = random.Next(8) == 0 ? _all : _usual;
        VhostUserRequest request = requests[random.Next(requests.Length)];
        byte[] payload = Payload(request, random);
        VhostUserRequestTable.Entry? entry = VhostUserRequestTable.Find((uint)request);
        int grants = entry is null ? 0 : random.Next(entry.MinGrants, Math.Min(entry.MaxGrants, 1) + 1);
        if (request is VhostUserRequest.SetMemoryTable)
        {
            grants = 1;
        }

        if (request is VhostUserRequest.SetVringKick or VhostUserRequest.SetVringCall or VhostUserRequest.SetVringError)
        {
            grants = payload[1] == 0 ? 1 : 0;
        }

        uint flags = VhostUserHeader.Version | (random.Next(16) == 0 ? 0 : VhostUserHeader.NeedReply);
        switch (random.Next(100))
        {
            case 0:
                grants = random.Next(0, 10);
                break;
            case 1:
                Array.Resize(ref payload, random.Next(0, 300));
                break;
            case 2:
                random.NextBytes(payload);
                break;
            case 3:
                flags = (uint)random.Next();
                break;
            case 4:
                request = (VhostUserRequest)random.Next();
                break;
            case 5 when bed.Device.Workers.FirstOrDefault(w => w.IsRunning) is FakeWorker worker:
                worker.Break(RingFault.ChainLoops);
                break;
            case 6:
                bed.Device.ChangeConfig();
                break;
            default:
                break;
        }

        return bed.Theirs.SendOriginals(
            SessionBed.Message((uint)request, payload, flags),
            [.. Enumerable.Range(0, grants).Select(_ => bed.Give(Target(request, memory, random)))]);
    }

    private static object Target(VhostUserRequest request, FakeMemory memory, Random random) => random.Next(50) == 0
        ? new object()
        : request switch
        {
            VhostUserRequest.SetMemoryTable or VhostUserRequest.AddMemoryRegion or VhostUserRequest.SetLogBase or VhostUserRequest.SetInflightFd => memory,
            VhostUserRequest.SetBackendRequestFd => FakeChannel.CreatePair().Theirs,
            _ => new FakeDoorbell(),
        };

    private static byte[] Payload(VhostUserRequest request, Random random)
    {
        uint index = (uint)random.Next(2);
        return request switch
        {
            VhostUserRequest.SetFeatures => SessionBed.Bytes(
                VirtioFeatures.Version1 | (random.Next(8) == 0 ? 0 : VhostUserFeatures.ProtocolFeatures) | (random.Next(8) == 0 ? VhostUserFeatures.LogAll : 0)),
            VhostUserRequest.SetProtocolFeatures => SessionBed.Bytes((ulong)VhostUserProtocolFeatures.Offered),
            VhostUserRequest.SetMemoryTable => SessionBed.Table(SessionBed.Region(0, SessionBed.MemoryLength)),
            VhostUserRequest.AddMemoryRegion or VhostUserRequest.RemoveMemoryRegion =>
                SessionBed.Bytes(new VhostUserSingleRegion(0, SessionBed.Region((ulong)random.Next(2) * 0x20000, 0x20000))),
            VhostUserRequest.SetLogBase => SessionBed.Bytes(new VhostUserLogDescription(0x10000, 0)),
            VhostUserRequest.SetVringNum => SessionBed.Bytes(new VhostUserVringState(index, 1u << random.Next(0, 9))),
            VhostUserRequest.SetVringAddress => SessionBed.Bytes(SessionBed.Address(index, (uint)random.Next(2), (ulong)random.Next(0x1000_0000))),
            VhostUserRequest.SetVringBase => SessionBed.Bytes(new VhostUserVringState(index, (uint)random.Next(0x10000))),
            VhostUserRequest.GetVringBase => SessionBed.Bytes(new VhostUserVringState(index, 0)),
            VhostUserRequest.SetVringEnable => SessionBed.Bytes(new VhostUserVringState(index, random.Next(4) == 0 ? 0u : 1u)),
            VhostUserRequest.SetVringKick or VhostUserRequest.SetVringCall or VhostUserRequest.SetVringError =>
                SessionBed.Bytes(index | (random.Next(4) == 0 ? 0x100ul : 0)),
            VhostUserRequest.GetConfig or VhostUserRequest.SetConfig => ConfigTests.Config(FakeDevice.WritableByte, 1, 0, [1]),
            VhostUserRequest.GetInflightFd or VhostUserRequest.SetInflightFd =>
                SessionBed.Bytes(new VhostUserInflightDescription(2 * 4160, 0, 2, 256)),
            VhostUserRequest.SetStatus => SessionBed.Bytes((ulong)random.Next(16)),
            _ => [],
        };
    }
}
