using System.Buffers.Binary;
using System.Net;
using Makatea.Platform;

namespace Makatea.EndToEnd;

/// <summary>
/// A host on our adapter, as much of one as a judge needs: it answers who asks for its addresses and echoes pings. What it sends has its checksums put in by the adapter; of all
/// that it receives they are recomputed, and what the adapter says of them is held against that.
/// </summary>
internal sealed class WireHost
{
    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(20);
    private readonly AdapterBed _bed;
    private readonly MacAddress _address;
    private readonly MacAddress _peer;
    private readonly ushort _vlan;

    /// <param name="bed">The adapter.</param>
    /// <param name="peer">Address of the host on the other end.</param>
    /// <param name="vlan">The VLAN that it is in, 0 for none.</param>
    public WireHost(AdapterBed bed, MacAddress peer, ushort vlan = 0)
    {
        _bed = bed;
        _address = bed.Port.Info.Address;
        _peer = peer;
        _vlan = vlan;
        Address4 = new([10, 9, (byte)vlan, 1]);
        Address6 = IPAddress.Parse($"fd09:{vlan}::1");
        Peer4 = new([10, 9, (byte)vlan, 2]);
        Peer6 = IPAddress.Parse($"fd09:{vlan}::2");
    }

    public IPAddress Address4 { get; }

    public IPAddress Address6 { get; }

    /// <summary>The other host's address.</summary>
    public IPAddress Peer4 { get; }

    /// <summary>The other host's address.</summary>
    public IPAddress Peer6 { get; }

    /// <summary>Frames of TCP and UDP that came.</summary>
    public int Received { get; private set; }

    /// <summary>Those of which the adapter said that their checksum is right.</summary>
    public int SaidGood { get; private set; }

    /// <summary>Pings that were echoed.</summary>
    public int Echoes { get; private set; }

    /// <summary>Sends a packet.</summary>
    public void Send(IPAddress to, byte protocol, ReadOnlySpan<byte> transport, ushort segmentSize = 0, int segmentHeaders = 0)
    {
        IPAddress from = to.GetAddressBytes().Length == 16 ? Address6 : Address4;
        byte[] frame = IpFrame.Make(_address, _peer, from, to, protocol, transport, out NetFrameOffload offload);
        if (segmentSize != 0)
        {
            offload.Flags = NetFrameFlags.SegmentTcp4;
            offload.SegmentSize = segmentSize;
            offload.HeaderLength = (ushort)(offload.ChecksumStart + segmentHeaders);
        }

        SendFrame(frame, offload);
    }

    /// <summary>Waits for a packet.</summary>
    /// <param name="isWanted">Says whether it is the one, given its protocol; others are dropped.</param>
    /// <param name="seconds">How long at most.</param>
    /// <returns>Its transport header and what follows; null where it did not come in time.</returns>
    public byte[]? TryReceive(Func<byte, byte[], bool> isWanted, double seconds)
    {
        var patience = TimeSpan.FromSeconds(seconds);
        long started = TimeProvider.System.GetTimestamp();
        while (_bed.TryReceive(out byte[] frame, out NetFrameOffload offload, patience - TimeProvider.System.GetElapsedTime(started)))
        {
            if (((offload.Flags & NetFrameFlags.HasVlanTag) != 0 ? offload.VlanTag & 0xfff : 0) != _vlan || TryAnswerAddress(frame))
            {
                continue;
            }

            byte[] transport = IpFrame.Open(frame, out byte protocol, out IPAddress source).ToArray();
            Assert.True((offload.Flags & NetFrameFlags.ChecksumBad) == 0, "a right checksum was called wrong");
            if (protocol is IpFrame.Tcp or IpFrame.Udp)
            {
                Received++;
                SaidGood += (offload.Flags & NetFrameFlags.ChecksumGood) != 0 ? 1 : 0;
            }

            if (!TryAnswer(protocol, transport, source) && isWanted(protocol, transport))
            {
                return transport;
            }
        }

        return null;
    }

    /// <summary>Waits for a packet that has to come.</summary>
    public byte[] Receive(string what, Func<byte, byte[], bool> isWanted) =>
        TryReceive(isWanted, _patience.TotalSeconds) ?? throw new TimeoutException($"{what} did not come in {_patience.TotalSeconds} s");

    private void SendFrame(byte[] frame, NetFrameOffload offload)
    {
        if (_vlan != 0)
        {
            offload.Flags |= NetFrameFlags.HasVlanTag;
            offload.VlanTag = _vlan;
        }

        // Adapters pad short frames and models do not, which Linux would count as an error.
        if (frame.Length < IpFrame.MinLength)
        {
            Array.Resize(ref frame, IpFrame.MinLength);
        }

        _bed.Send(frame, offload);
    }

    private bool TryAnswerAddress(byte[] frame)
    {
        // ARP, RFC 826: who has our address?
        Span<byte> arp = frame.AsSpan(14);
        if (BinaryPrimitives.ReadUInt16BigEndian(frame.AsSpan(12)) != 0x0806 || arp[7] != 1 || !arp.Slice(24, 4).SequenceEqual(Address4.GetAddressBytes()))
        {
            return false;
        }

        byte[] answer = new byte[42];
        frame.AsSpan(6, 6).CopyTo(answer);
        _address.Write(answer.AsSpan(6));
        frame.AsSpan(12, 8).CopyTo(answer.AsSpan(12));
        answer[21] = 2;
        _address.Write(answer.AsSpan(22));
        Address4.GetAddressBytes().CopyTo(answer, 28);
        arp.Slice(8, 10).CopyTo(answer.AsSpan(32));
        SendFrame(answer, default);
        return true;
    }

    private bool TryAnswer(byte protocol, byte[] transport, IPAddress source)
    {
        switch (protocol, transport.Length > 0 ? transport[0] : 0)
        {
            // Neighbour solicitation for our address, RFC 4861 4.3; the answer has our link-layer address as an option.
            case (IpFrame.Icmp6, 135) when transport.AsSpan(8, 16).SequenceEqual(Address6.GetAddressBytes()) && !source.Equals(IPAddress.IPv6Any):
                byte[] answer = new byte[32];
                answer[0] = 136;
                answer[4] = 0x60;
                Address6.GetAddressBytes().CopyTo(answer, 8);
                (answer[24], answer[25]) = (2, 1);
                _address.Write(answer.AsSpan(26));
                Send(source, protocol, answer);
                return true;
            case (IpFrame.Icmp4, 8):
            case (IpFrame.Icmp6, 128):
                transport[0] = (byte)(protocol == IpFrame.Icmp4 ? 0 : 129);
                Send(source, protocol, transport);
                Echoes++;
                return true;
            default:
                return false;
        }
    }
}
