using System.Text;

namespace Makatea.EndToEnd;

/// <summary>Contents in which each block of 4 KiB says where it is, so that one in the wrong place, or of another time, is seen.</summary>
internal static class NumberedBlocks
{
    public const int Length = 4096;

    /// <summary>What <see cref="Script"/> prints.</summary>
    public static byte[] Make(string name, int count) =>
        Encoding.ASCII.GetBytes(string.Concat(Enumerable.Range(0, count).Select(i => $"{name} {i}".PadRight(Length))));

    /// <summary>The same, for a guest's shell.</summary>
    public static string Script(string name, int count) => $$"""awk 'BEGIN { for (i = 0; i < {{count}}; i++) printf "%-{{Length}}s", "{{name}} " i }'""";

    /// <summary>Compares block by block.</summary>
    public static void AssertEqual(byte[] expected, byte[] actual, string what)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (int at = 0; at < expected.Length; at += Length)
        {
            Assert.True(expected.AsSpan(at, Length).SequenceEqual(actual.AsSpan(at, Length)), $"{what}: block {at / Length} is '{Text(actual, at)}', expected '{Text(expected, at)}'");
        }
    }

    private static string Text(byte[] data, int at) => Encoding.ASCII.GetString(data, at, 40).Replace('\0', '.').TrimEnd();
}
