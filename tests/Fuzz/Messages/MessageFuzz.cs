using System.Buffers.Binary;
using Makatea.Domains.Storage;
using Makatea.Platform;
using Makatea.Platform.Linux;
using Makatea.Virtio;
using Makatea.Virtio.Block;

namespace Makatea.Fuzz.Messages;

/// <summary>
/// Fuzzes the back end with vhost-user messages over a socket: sessions that begin well and go wrong, wrong payloads, wrong lengths, wrong
/// grants, memory that is truncated while rings run, and a front end that leaves at any moment. Each session may end in a protocol error and in
/// nothing else, and the next one has to be served.
/// </summary>
public sealed class MessageFuzz : IFuzzTarget
{
    private const int Queues = 2;
    private const int DiskLength = 64 * 1024;

    /// <summary>Most that the back end waits for after a header.</summary>
    private const int MaxPayload = 4096;
    private static readonly byte[] _rest = new byte[MaxPayload + (2 * VhostUserFrame.HeaderLength)];
    private static readonly uint[] _requests = [.. Enum.GetValues<VhostUserRequest>().Select(r => (uint)r)];

    private readonly LinuxHost _host = new();
    private readonly VirtioBlockDevice _device;
    private readonly VhostUserServer _server;
    private readonly ServerThread _thread;
    private readonly GrantBox _grants;
    private readonly byte[] _message = new byte[8192];
    private readonly Grant[] _attached = new Grant[4];
    private FuzzInput _input = null!;
    private MessageChannel _channel = null!;
    private readonly int[] _ringSteps = new int[Queues];
    private bool _torn;
    private int _attachedCount;
    private int _featureRequests;
    private long _refused;
    private long _left;

    /// <summary>Makes the server.</summary>
    public MessageFuzz()
    {
        _device = new VirtioBlockDevice(new MemoryDevice(DiskLength), new VirtioBlockOptions { Name = "fuzz", QueueCount = Queues, MaxQueueSize = 64, PollTime = TimeSpan.Zero });
        _server = new VhostUserServer(_device, _host);
        _thread = new ServerThread(_server);
        _grants = new GrantBox(_host);
    }

    /// <inheritdoc/>
    public string Name => "messages";

    /// <inheritdoc/>
    public string Unit => "messages";

    /// <inheritdoc/>
    public int MaxInput => 4096;

    /// <inheritdoc/>
    public string Coverage => $"sessions refused {_refused}, left {_left}; requests served {_device.Counters.Sum(c => c.Reads + c.Errors)}";

    /// <inheritdoc/>
    public long Run(FuzzInput input)
    {
        _input = input;
        _grants.Renew(input);
        _channel = _host.CreateChannel(out Grant theirs);
        using MessageChannel channel = _channel;
        _thread.Serve(theirs.OpenChannel(), _channel);
        _featureRequests = 0;
        _torn = false;
        _ringSteps.AsSpan().Clear();
        try
        {
            for (int depth = input.Byte() % 24, step = 0; step < depth; step++)
            {
                SendProper(step);
            }

            while (!input.IsAtEnd)
            {
                SendAny();
                _grants.Disturb(input);
            }

            End();
        }
        catch (IOException)
        {
            // The back end had enough.
        }

        _channel.Close();
        Exception? fault = _thread.WaitForEnd();
        FuzzException.ThrowUnless(fault is null or VhostUserProtocolException or IOException, $"a session ended with {fault}");
        _ = fault is null ? _left++ : _refused++;

        // Those that were answered, and the one that ended the session; others may never have been read.
        return _thread.Replies + 1;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _thread.Dispose();
        _server.Dispose();
        _device.Dispose();
        _grants.Dispose();
    }

    /// <summary>Lets the back end read all that was sent, or leaves at once.</summary>
    private void End()
    {
        if (!_torn)
        {
            // Its answer says that all before it was read.
            Send(VhostUserRequest.GetFeatures);
            _thread.WaitForFeatures(_featureRequests);
        }
        else if (_input.Bytes.Length % 2 == 0)
        {
            // It may be waiting for the rest of a message. A header of zeroes follows whatever it takes for one, and ends the session.
            _channel.Send(_rest, []);
            _thread.WaitForFeatures(int.MaxValue);
        }
    }

    /// <summary>The start of a session as it should be, step by step: a whole one has two rings running.</summary>
    private void SendProper(int step)
    {
        const ulong Features = VirtioFeatures.Version1 | VhostUserFeatures.ProtocolFeatures | VirtioFeatures.IndirectDescriptors;
        switch (step)
        {
            case 0:
                Send(VhostUserRequest.GetFeatures);
                break;
            case 1:
                SendUInt64(VhostUserRequest.SetProtocolFeatures, (ulong)(VhostUserProtocolFeatures.Offered & ~VhostUserProtocolFeatures.BackendRequest));
                break;
            case 2:
                Send(VhostUserRequest.SetOwner);
                break;
            case 3:
                SendUInt64(VhostUserRequest.SetFeatures, Features | (_input.OneIn(2) ? VirtioFeatures.PackedRing : 0));
                break;
            case 4:
                WriteRegion(8);
                Write(0, 1);
                Attach(_grants.Memory);
                SendMessage((uint)VhostUserRequest.SetMemoryTable, 40);
                break;
            case 5:
                Write(16, Queues | (64ul << 16));
                SendMessage((uint)VhostUserRequest.GetInflightFd, 24);
                break;
            default:
                SendRingStep(step % Queues);
                break;
        }
    }

    /// <summary>The next of the messages that stop a ring, set it up and start it.</summary>
    private void SendRingStep(int ring)
    {
        ulong index = (ulong)ring;
        switch (_ringSteps[ring]++ % 8)
        {
            case 7:
                SendUInt64(VhostUserRequest.GetVringBase, index);
                break;
            case 0:
                SendUInt64(VhostUserRequest.SetVringNum, index | (16ul << 32));
                break;
            case 1:
                SendUInt64(VhostUserRequest.SetVringBase, index);
                break;
            case 2:
                ulong at = GrantBox.UserAddress + (index * 0x4000);
                Write(0, index);
                Write(8, at);
                Write(16, at + 0x2000);
                Write(24, at + 0x1000);
                SendMessage((uint)VhostUserRequest.SetVringAddress, 40);
                break;
            case 3:
                Attach(_grants.Doorbell());
                SendUInt64(VhostUserRequest.SetVringCall, index);
                break;
            case 4:
                Attach(_grants.Kick());
                SendUInt64(VhostUserRequest.SetVringKick, index);
                break;
            case 5:
                SendUInt64(VhostUserRequest.SetVringEnable, index | (1ul << 32));
                break;
            default:
                SendUInt64(VhostUserRequest.SetStatus, 0xf);
                break;
        }
    }

    /// <summary>A message that is right, nearly right, or wrong.</summary>
    private void SendAny()
    {
        byte kind = _input.Byte();
        if (kind % 16 != 0)
        {
            // Right for some moment, if not for this one.
            SendProper(kind % 16 == 1 ? 4 + _input.Below(2) : 6 + _input.Below(Queues));
            return;
        }

        uint request = kind % 64 == 0 ? _input.UInt32() : _input.Pick<uint>(_requests);
        int length = _input.Pick<int>([0, 8, 8, 8, 12, 16, 20, 24, 40, 40, 44, 72, 268, 7, 9, 4084]);
        for (int at = 0; at < length; at += 8)
        {
            Write(at, (_input.Byte() % 4) switch
            {
                0 => _input.Odd(),
                1 => GrantBox.UserAddress + _input.UInt16(),
                2 => GrantBox.GuestAddress + _input.UInt16(),
                _ => _input.Byte() & 3ul,
            });
        }

        for (int grants = _input.Byte() % 6 - 2; grants > 0; grants--)
        {
            Attach(_grants.Any(_input));
        }

        uint flags = _input.OneIn(8) ? _input.UInt32() : VhostUserFrame.Version | (_input.OneIn(2) ? VhostUserFrame.NeedReplyFlag : 0);
        SendMessage(request, length, flags, _input.OneIn(16) ? (uint)_input.Odd() : (uint)length);
    }

    private void Attach(Grant grant)
    {
        if (_attachedCount < _attached.Length)
        {
            _attached[_attachedCount++] = grant;
        }
    }

    private void Write(int offset, ulong value) => BinaryPrimitives.WriteUInt64LittleEndian(_message.AsSpan(VhostUserFrame.HeaderLength + offset), value);

    private void WriteRegion(int offset)
    {
        Write(offset, GrantBox.GuestAddress);
        Write(offset + 8, GrantBox.MemoryLength);
        Write(offset + 16, GrantBox.UserAddress);
        Write(offset + 24, 0);
    }

    private void Send(VhostUserRequest request) => SendMessage((uint)request, 0);

    private void SendUInt64(VhostUserRequest request, ulong value)
    {
        Write(0, value);
        SendMessage((uint)request, 8);
    }

    private void SendMessage(uint request, int length, uint flags = VhostUserFrame.Version | VhostUserFrame.NeedReplyFlag, uint? said = null)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(_message, request);
        BinaryPrimitives.WriteUInt32LittleEndian(_message.AsSpan(4), flags);
        BinaryPrimitives.WriteUInt32LittleEndian(_message.AsSpan(8), said ?? (uint)length);
        _torn |= said is uint other && other != (uint)length;
        _featureRequests += request == (uint)VhostUserRequest.GetFeatures ? 1 : 0;
        int count = _attachedCount;
        _attachedCount = 0;
        _channel.Send(_message.AsSpan(0, VhostUserFrame.HeaderLength + length), _attached.AsSpan(0, count));
        _message.AsSpan().Clear();
    }
}
