using System.Buffers.Binary;
using Makatea.NetStack;

namespace Makatea.Sel4.Programs;

/// <summary>Asks for echoes by ICMP ([RFC 792]), one at a time. On the forwarding thread.</summary>
internal sealed class Echo(IIpLayer ip, NetRandom random) : IIpReceiver
{
    private const byte Reply = 0;
    private const byte Request = 8;
    private const byte HopLimit = 64;
    private const int HeaderLength = 8;

    private readonly byte[] _message = new byte[HeaderLength + 56];
    private readonly ushort _id = (ushort)(EphemeralPorts.First + random.Next(EphemeralPorts.Last - EphemeralPorts.First + 1));
    private ushort _sequence;
    private IpAddress _asked;
    private TaskCompletionSource<long>? _answered;

    /// <summary>Asks.</summary>
    /// <returns>Ends when the answer is there, with the time that it came at; with an <see cref="IOException"/> where the question was not sent.</returns>
    public Task<long> Ask(IpAddress address)
    {
        _answered = new(TaskCreationOptions.RunContinuationsAsynchronously);
        _asked = address;
        _message.AsSpan().Clear();
        _message[0] = Request;
        BinaryPrimitives.WriteUInt16BigEndian(_message.AsSpan(4), _id);
        BinaryPrimitives.WriteUInt16BigEndian(_message.AsSpan(6), ++_sequence);
        for (int i = HeaderLength; i < _message.Length; i++)
        {
            _message[i] = (byte)(i + _sequence);
        }

        Checksum.Write(_message.AsSpan(2), Checksum.Add(_message));
        if (!ip.TryRoute(address, out int port, out IpAddress source) || !ip.Send(port, source, address, IpProtocol.Icmp4, HopLimit, _message))
        {
            _answered.SetException(new IOException($"there is no way to {address}"));
        }

        return _answered.Task;
    }

    /// <inheritdoc/>
    public LocalDelivery Receive(in IpPacketInfo info, ReadOnlySpan<byte> payload)
    {
        if (payload.Length < HeaderLength || !Checksum.IsRight(payload))
        {
            return LocalDelivery.Malformed;
        }

        // All but type and checksum comes back as it was sent.
        if (payload[0] == Reply && info.Source == _asked && payload[4..].SequenceEqual(_message.AsSpan(4)))
        {
            _answered?.TrySetResult(TimeProvider.System.GetTimestamp());
        }

        return LocalDelivery.Delivered;
    }

    /// <inheritdoc/>
    public void ReceiveError(in IpErrorInfo error, ReadOnlySpan<byte> quoted)
    {
    }
}
