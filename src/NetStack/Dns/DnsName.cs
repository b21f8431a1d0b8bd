using System.Text;

namespace Makatea.NetStack;

/// <summary>A domain name in the form of the wire: labels, each behind its length, and the root's zero; at most 255 bytes ([RFC 1035] 2.3.4). Compared without regard to the case of ASCII letters.</summary>
public sealed class DnsName : IEquatable<DnsName>
{
    internal const int MaximumLength = 255;
    internal const int MaximumLabel = 63;

    private readonly byte[] _wire;
    private readonly int _hash;

    internal DnsName(ReadOnlySpan<byte> wire)
    {
        _wire = wire.ToArray();
        var hash = default(HashCode);
        foreach (byte b in wire)
        {
            hash.Add(ToLower(b));
        }

        _hash = hash.ToHashCode();
    }

    /// <summary>The root.</summary>
    public static DnsName Root { get; } = new([0]);

    internal ReadOnlySpan<byte> Wire => _wire;

    /// <summary>Reads <c>example.org</c>, with or without a dot behind it; letters, digits, hyphens and underscores alone.</summary>
    public static bool TryParse(string? text, out DnsName name)
    {
        name = Root;
        text = text is { Length: > 1 } && text[^1] == '.' ? text[..^1] : text;
        if (string.IsNullOrEmpty(text) || text.Length > MaximumLength - 2)
        {
            return false;
        }

        Span<byte> wire = stackalloc byte[MaximumLength];
        int label = 0;
        for (int i = 0; i <= text.Length; i++)
        {
            if (i < text.Length && text[i] != '.')
            {
                if (!char.IsAsciiLetterOrDigit(text[i]) && text[i] is not ('-' or '_'))
                {
                    return false;
                }

                wire[i + 1] = (byte)text[i];
                continue;
            }

            if (i - label is 0 or > MaximumLabel)
            {
                return false;
            }

            wire[label] = (byte)(i - label);
            label = i + 1;
        }

        wire[label] = 0;
        name = new(wire[..(label + 1)]);
        return true;
    }

    /// <summary>Whether the name is <paramref name="ancestor"/> or lies below it.</summary>
    public bool IsAtOrBelow(DnsName ancestor)
    {
        for (int i = 0; _wire.Length - i >= ancestor._wire.Length; i += _wire[i] + 1)
        {
            if (_wire.Length - i == ancestor._wire.Length)
            {
                return AreEqual(_wire.AsSpan(i), ancestor._wire);
            }
        }

        return false;
    }

    /// <inheritdoc/>
    public bool Equals(DnsName? other) => other is not null && _hash == other._hash && AreEqual(_wire, other._wire);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as DnsName);

    /// <inheritdoc/>
    public override int GetHashCode() => _hash;

    /// <summary>The name without the last dot; bytes that are no letters, digits, hyphens or underscores as <c>\DDD</c> ([RFC 1035] 5.1).</summary>
    public override string ToString()
    {
        if (_wire.Length == 1)
        {
            return ".";
        }

        var text = new StringBuilder();
        for (int i = 0; _wire[i] != 0; i += _wire[i] + 1)
        {
            text.Append(i == 0 ? "" : ".");
            foreach (byte b in _wire.AsSpan(i + 1, _wire[i]))
            {
                _ = char.IsAsciiLetterOrDigit((char)b) || b is (byte)'-' or (byte)'_' ? text.Append((char)b) : text.Append('\\').Append((char)('0' + (b / 100))).Append((char)('0' + (b / 10 % 10))).Append((char)('0' + (b % 10)));
            }
        }

        return text.ToString();
    }

    /// <summary>The same name with each letter's case by chance, which an answer has to repeat: some more bits to guess (draft-vixie-dnsext-dns0x20).</summary>
    internal DnsName WithRandomCase(NetRandom random)
    {
        byte[] wire = _wire.AsSpan().ToArray();
        ulong bits = 0;
        for (int i = 0, left = 0; i < wire.Length; i++, left--)
        {
            (bits, left) = left == 0 ? (random.Next(), 64) : (bits >> 1, left);
            wire[i] = (bits & 1) != 0 && ToLower(wire[i]) is >= (byte)'a' and <= (byte)'z' ? (byte)(wire[i] ^ 0x20) : wire[i];
        }

        return new(wire);
    }

    /// <summary>Equal to the case of each letter.</summary>
    internal bool IsIdentical(DnsName other) => _wire.AsSpan().SequenceEqual(other._wire);

    // Lengths of labels are below 64 and so are no letters.
    private static bool AreEqual(ReadOnlySpan<byte> one, ReadOnlySpan<byte> other)
    {
        if (one.Length != other.Length)
        {
            return false;
        }

        for (int i = 0; i < one.Length; i++)
        {
            if (ToLower(one[i]) != ToLower(other[i]))
            {
                return false;
            }
        }

        return true;
    }

    private static byte ToLower(byte b) => b is >= (byte)'A' and <= (byte)'Z' ? (byte)(b | 0x20) : b;
}
