using System.Numerics;

namespace Makatea.Domains.Storage;

/// <summary>Tags in order. Holds as many as there are.</summary>
internal struct TagRing(int depth)
{
    private readonly int[] _entries = new int[BitOperations.RoundUpToPowerOf2((uint)depth)];
    private uint _head;
    private uint _tail;

    public readonly bool IsEmpty => _head == _tail;

    public readonly int Count => (int)(_tail - _head);

    public void Add(int tag) => _entries[_tail++ & (uint)(_entries.Length - 1)] = tag;

    public int Take() => _entries[_head++ & (uint)(_entries.Length - 1)];
}
