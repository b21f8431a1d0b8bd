namespace Makatea.Virtio.Net;

/// <summary>
/// Which pair of queues the guest uses for a flow, by a hash: automatic receive steering ([VIRTIO-1.3] 5.1.6.5.5). Flows that share an entry are steered together, which costs them
/// nothing but balance. The forwarding thread has it.
/// </summary>
internal sealed class FlowTable
{
    private const int Bits = 12;
    private readonly byte[] _pairs = new byte[1 << Bits];

    /// <summary>The guest sent a frame.</summary>
    public void Learn(ReadOnlySpan<byte> frame, int pair)
    {
        if (FlowFields.TryParse(frame, out FlowFields fields))
        {
            _pairs[fields.SymmetricHash() >> (32 - Bits)] = (byte)(pair + 1);
        }
    }

    /// <summary>The pair for a frame: the one that its flow comes from, else one of <paramref name="pairs"/> by its hash.</summary>
    public int Find(in FlowFields fields, int pairs)
    {
        uint hash = fields.SymmetricHash();
        int learnt = _pairs[hash >> (32 - Bits)] - 1;
        return (uint)learnt < (uint)pairs ? learnt : (int)((ulong)hash * (uint)pairs >> 32);
    }
}
