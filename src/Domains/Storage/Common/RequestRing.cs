using System.Numerics;
using Makatea.Platform;

namespace Makatea.Domains.Storage;

/// <summary>Requests that wait in order. Holds as many as can be outstanding.</summary>
internal sealed class RequestRing(int depth)
{
    private readonly BlockRequest[] _entries = new BlockRequest[BitOperations.RoundUpToPowerOf2((uint)depth)];
    private uint _head;
    private uint _tail;

    public bool IsEmpty => _head == _tail;

    public void Add(ReadOnlySpan<BlockRequest> requests)
    {
        foreach (ref readonly BlockRequest request in requests)
        {
            _entries[_tail++ & (uint)(_entries.Length - 1)] = request;
        }
    }

    /// <summary>The oldest ones: all, or those up to where the ring wraps.</summary>
    public ReadOnlySpan<BlockRequest> Oldest()
    {
        int start = (int)(_head & (uint)(_entries.Length - 1));
        return _entries.AsSpan(start, Math.Min((int)(_tail - _head), _entries.Length - start));
    }

    public void Remove(int count) => _head += (uint)count;
}
