using System.Text;
using System.Text.Json;
using Makatea.Vmm.Linux.Monitor;

namespace Makatea.Vmm.Linux.Tests.Monitor;

public sealed class JsonMessageReaderTests
{
    [Theory]
    [InlineData("""{"execute":"stop"}""")]
    [InlineData("""{"execute":"stop"}{"id":[1,{"a":"}"}]}   [] "x\"y" """)]
    [InlineData("\r\n{\"a\":\n{}}\n\n\n{\"b\":1}\r\n")]
    public void Messages_are_the_same_however_the_bytes_come(string sent)
    {
        JsonMessageReader whole = new(1024);
        List<string> expected = Feed(whole, sent, sent.Length);
        Assert.NotEmpty(expected);
        for (int piece = 1; piece < sent.Length; piece++)
        {
            Assert.Equal(expected, Feed(new JsonMessageReader(1024), sent, piece));
        }
    }

    [Fact]
    public void A_line_that_is_no_JSON_is_skipped()
    {
        Assert.Equal(["error", "{\"b\":2}"], Feed(new JsonMessageReader(1024), "{\"a\":nonsense {\"c\":1}\n{\"b\":2}", 1000));
        Assert.Equal(["error", "{\"b\":2}"], Feed(new JsonMessageReader(1024), "{\"a\":nonsense {\"c\":1}\n{\"b\":2}", 1));
        Assert.Equal(["{\"a\":1}", "error", "{\"b\":2}"], Feed(new JsonMessageReader(1024), "{\"a\":1}\xff\n{\"b\":2}", 3));
    }

    [Fact]
    public void Depth_is_bounded() =>
        Assert.Equal(["error"], Feed(new JsonMessageReader(1024), new string('[', 500), 100));

    [Fact]
    public void A_message_of_all_the_room_is_too_long()
    {
        string longest = "\"" + new string('a', 61) + "\"";
        Assert.Equal([longest], Feed(new JsonMessageReader(64), longest, 7));
        Assert.Throws<InvalidDataException>(() => Feed(new JsonMessageReader(64), "\"" + new string('a', 64), 7));
        Assert.Throws<InvalidDataException>(() => Feed(new JsonMessageReader(64), new string(' ', 64), 7));
    }

    private static List<string> Feed(JsonMessageReader reader, string sent, int piece)
    {
        List<string> messages = [];
        ReadOnlySpan<byte> bytes = Encoding.Latin1.GetBytes(sent);
        while (!bytes.IsEmpty)
        {
            int count = Math.Min(Math.Min(piece, bytes.Length), reader.Room.Length);
            bytes[..count].CopyTo(reader.Room);
            reader.Advance(count);
            bytes = bytes[count..];
            while (Take(reader) is { } message)
            {
                messages.Add(message);
            }
        }

        return messages;
    }

    private static string? Take(JsonMessageReader reader)
    {
        try
        {
            return reader.TryTake(out JsonElement message) ? message.GetRawText() : null;
        }
        catch (JsonException)
        {
            return "error";
        }
    }
}
