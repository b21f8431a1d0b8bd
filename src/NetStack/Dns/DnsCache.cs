namespace Makatea.NetStack;

/// <summary>A question as answers are kept under it.</summary>
internal readonly record struct DnsKey(DnsQuestion Question, bool IsDnssec);

/// <summary>Answers, positive and negative, as long as their lifetimes allow; bounded in number and bytes. The one used longest ago gives way.</summary>
/// <param name="maximumEntries">Most answers.</param>
/// <param name="maximumBytes">Most bytes of all of them, about.</param>
internal sealed class DnsCache(int maximumEntries, int maximumBytes)
{
    private const int EntryOverhead = 256; // dictionary, list and objects

    private readonly Dictionary<DnsKey, LinkedListNode<Entry>> _entries = [];
    private readonly LinkedList<Entry> _byUse = []; // the last used first
    private int _bytes;

    internal int Count => _entries.Count;

    internal int Bytes => _bytes;

    /// <summary>Looks an answer up; its lifetimes are what is left of them.</summary>
    internal DnsAnswer? Find(in DnsKey key, long now)
    {
        if (!_entries.TryGetValue(key, out LinkedListNode<Entry>? node))
        {
            return null;
        }

        long age = (now - node.Value.Stored) / 1000;
        if (age >= node.Value.Answer.Ttl)
        {
            Remove(node);
            return null;
        }

        _byUse.Remove(node);
        _byUse.AddFirst(node);
        return node.Value.Answer.Age((uint)age);
    }

    /// <summary>Keeps an answer, if it may be kept.</summary>
    internal void Add(in DnsKey key, DnsAnswer answer, long now)
    {
        if (_entries.TryGetValue(key, out LinkedListNode<Entry>? old))
        {
            Remove(old);
        }

        int size = EntryOverhead + (2 * key.Question.Name.Wire.Length) + answer.Size();
        if (answer.Ttl == 0 || size > maximumBytes / 4)
        {
            return;
        }

        while (_byUse.Last is { } last && (_entries.Count >= maximumEntries || _bytes + size > maximumBytes))
        {
            Remove(last);
        }

        _entries.Add(key, _byUse.AddFirst(new Entry(key, answer, now, size)));
        _bytes += size;
    }

    internal void Clear()
    {
        _entries.Clear();
        _byUse.Clear();
        _bytes = 0;
    }

    private void Remove(LinkedListNode<Entry> node)
    {
        _entries.Remove(node.Value.Key);
        _byUse.Remove(node);
        _bytes -= node.Value.Size;
    }

    private sealed record Entry(DnsKey Key, DnsAnswer Answer, long Stored, int Size);
}
