using System.Numerics;
using Makatea.Platform;

namespace Makatea.Domains.Storage;

/// <summary>Completions that a queue made itself and that wait to be polled. Holds as many as requests can be outstanding.</summary>
internal struct CompletionRing(int depth)
{
    private readonly BlockCompletion[] _entries = new BlockCompletion[BitOperations.RoundUpToPowerOf2((uint)depth)];
    private uint _head;
    private uint _tail;

    /// <summary>Whether none waits.</summary>
    public readonly bool IsEmpty => _head == _tail;

    /// <summary>Appends one.</summary>
    public void Add(int tag, BlockStatus status) => _entries[_tail++ & (uint)(_entries.Length - 1)] = new BlockCompletion(tag, status);

    /// <summary>Hands out the oldest ones.</summary>
    /// <returns>Number written.</returns>
    public int Take(Span<BlockCompletion> completions)
    {
        int count = (int)Math.Min((uint)completions.Length, _tail - _head);
        for (int i = 0; i < count; i++)
        {
            completions[i] = _entries[_head++ & (uint)(_entries.Length - 1)];
        }

        return count;
    }
}
