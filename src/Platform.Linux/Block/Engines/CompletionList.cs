using System.Numerics;

namespace Makatea.Platform.Linux;

/// <summary>Completions that wait to be polled, oldest first. Holds as many as requests can be outstanding.</summary>
internal struct CompletionList(int depth)
{
    private readonly BlockCompletion[] _entries = new BlockCompletion[BitOperations.RoundUpToPowerOf2((uint)depth)];
    private uint _head;
    private uint _tail;

    /// <summary>Whether none waits.</summary>
    internal readonly bool IsEmpty => _head == _tail;

    /// <summary>Appends one.</summary>
    internal void Add(int tag, BlockStatus status)
    {
        BlockCompletion[] entries = _entries;
        entries[_tail++ & (uint)(entries.Length - 1)] = new BlockCompletion(tag, status);
    }

    /// <summary>Hands out the oldest ones.</summary>
    /// <returns>Number written.</returns>
    internal int Take(Span<BlockCompletion> completions)
    {
        BlockCompletion[] entries = _entries;
        int count = (int)Math.Min((uint)completions.Length, _tail - _head);
        for (int i = 0; i < count; i++)
        {
            completions[i] = entries[_head++ & (uint)(entries.Length - 1)];
        }

        return count;
    }
}
