using System.Numerics;

namespace Makatea.Drivers.Nvme;

/// <summary>First in, first out, without allocating. Never more than its capacity, which its user knows.</summary>
internal sealed class FixedQueue<T>(int capacity)
    where T : unmanaged
{
    private readonly T[] _items = new T[BitOperations.RoundUpToPowerOf2((uint)capacity)];
    private uint _head;
    private uint _tail;

    internal int Count => (int)(_tail - _head);

    internal T Peek() => _items[_head & (uint)(_items.Length - 1)];

    internal void Enqueue(T item) => _items[_tail++ & (uint)(_items.Length - 1)] = item;

    internal T Dequeue() => _items[_head++ & (uint)(_items.Length - 1)];
}
