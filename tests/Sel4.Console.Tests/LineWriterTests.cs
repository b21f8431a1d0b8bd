using System.Text;

namespace Makatea.Sel4.Tests.Console;

public sealed unsafe class LineWriterTests
{
    private readonly MemoryStream _output = new();
    private StreamPort _port;
    private LineBuffer _line;
    private LineBuffer _other;

    public LineWriterTests() => _port = new(_output);

    private string Output => Encoding.Latin1.GetString(_output.ToArray());

    [Fact]
    public void Lines_stand_behind_the_name_of_who_said_them()
    {
        Say("one\ntwo\n");
        Assert.Equal("client: one\r\nclient: two\r\n", Output);
        Assert.Equal(_output.Length, _port.Written);
    }

    [Fact]
    public void A_line_is_written_when_it_is_ended_however_it_came()
    {
        Say("some");
        Say("thing");
        Assert.Empty(Output);
        Say("\n");
        Assert.Equal("client: something\r\n", Output);
    }

    [Fact]
    public void Writers_do_not_cut_into_each_others_lines()
    {
        Say("begun, ");
        Say(ref _other, "storage", "whole\n");
        Say("ended\n");
        Assert.Equal("storage: whole\r\nclient: begun, ended\r\n", Output);
    }

    [Fact]
    public void A_message_of_no_bytes_ends_a_line_that_was_begun_and_no_other()
    {
        Say("");
        Say("last words");
        Say("");
        Say("");
        Assert.Equal("client: last words\r\n", Output);
    }

    [Fact]
    public void Empty_lines_are_written() => AssertSaid("client: \r\n", "\n");

    [Fact]
    public void What_is_no_text_does_not_reach_the_terminal() => AssertSaid("client: a?[2Jb?c d?\r\n", "a\u001b[2Jb\bc\td\u007f\r\n");

    [Fact]
    public void Nobody_speaks_in_the_name_of_another() => AssertSaid("client: xstorage: all is lost\r\n", "x\rstorage: all is lost\n");

    [Fact]
    public void Control_characters_in_UTF_8_do_not_reach_the_terminal_and_letters_do()
    {
        Say("\u009b31m \u00e9\u20ac\u4e2d \u00a0\n");
        Assert.Equal("client: ?31m \u00e9\u20ac\u4e2d \u00a0\r\n", Encoding.UTF8.GetString(_output.ToArray()));
    }

    [Fact]
    public void Control_characters_that_come_in_two_messages_are_none_either()
    {
        Say([0xc2]);
        Say([0x9b, (byte)'m', (byte)'\n']);
        Assert.Equal("client: ?m\r\n", Output);
    }

    [Fact]
    public void Long_lines_are_several_and_each_has_its_name()
    {
        string text = string.Concat(Enumerable.Range(0, 1000).Select(i => (char)('a' + (i % 26))));
        Say(text + "\n");
        string[] lines = Output.Split("\r\n", StringSplitOptions.RemoveEmptyEntries);
        Assert.All(lines, l => Assert.StartsWith("client: ", l, StringComparison.Ordinal));
        Assert.All(lines, l => Assert.InRange(l.Length, 9, LineBuffer.Capacity + "client: ".Length));
        Assert.Equal(text, string.Concat(lines.Select(l => l["client: ".Length..])));
    }

    [Fact]
    public void Characters_of_several_bytes_stay_whole_in_long_lines()
    {
        string text = string.Concat(Enumerable.Repeat("a\u20ac\u00e9", 300));
        Say(text + "\n");
        string all = new UTF8Encoding(false, throwOnInvalidBytes: true).GetString(_output.ToArray());
        Assert.Equal(text, all.Replace("\r\n", "", StringComparison.Ordinal).Replace("client: ", "", StringComparison.Ordinal));
    }

    /// <summary>Whatever is said, in whatever pieces: nothing but text comes out, every line has its name, and there is never more than a line kept.</summary>
    [Fact]
    public void Nothing_that_is_said_breaks_the_form()
    {
        for (int round = 0; round < 2000; round++)
        {
            var random = new Random(round);
            _output.SetLength(0);
            _line.Clear();
            for (int message = 0; message < 5; message++)
            {
                byte[] bytes = new byte[random.Next(TextMessage.MaxBytes + 1)];
                random.NextBytes(bytes);
                Say(bytes);
                Assert.InRange(_line.Length, 0, LineBuffer.Capacity - 1);
            }

            byte[] output = _output.ToArray();
            Assert.DoesNotContain(output, b => b is < 0x20 and not (byte)'\r' and not (byte)'\n' or 0x7f);
            Assert.All(Output.Split("\r\n")[..^1], l => Assert.StartsWith("client: ", l, StringComparison.Ordinal));
            Assert.Equal(output.Count(b => b == '\n'), output.Count(b => b == '\r'));
            for (int i = 1; i < output.Length; i++)
            {
                Assert.False(output[i - 1] == 0xc2 && output[i] is >= 0x80 and <= 0x9f, $"round {round}");
            }
        }
    }

    [Theory]
    [InlineData(0ul, 1, 0)]
    [InlineData(8ul, 2, 8)]
    [InlineData(9ul, 2, 8)]
    [InlineData(ulong.MaxValue, 2, 8)]
    [InlineData(5ul, 1, 0)]
    [InlineData(5ul, 0, -1)]
    [InlineData(ulong.MaxValue, 120, TextMessage.MaxBytes)]
    [InlineData(944ul, 119, 944)]
    public void A_message_has_no_more_text_than_words(ulong claimed, int words, int length) => Assert.Equal(length, TextMessage.Length(claimed, words));

    [Theory]
    [InlineData(0ul, "console")]
    [InlineData(1ul, "storage")]
    [InlineData(2ul, "")]
    [InlineData(3ul, "client")]
    [InlineData(4ul, "")]
    [InlineData(63ul, "")]
    public void Writers_are_called_as_the_arguments_say(ulong number, string expected)
    {
        fixed (byte* arguments = "console\0console\0storage\0\0client\0"u8)
        {
            byte* name = new WriterNames(arguments, 32).Find(number, out int length);
            Assert.Equal(expected, Encoding.UTF8.GetString(name, length));
        }
    }

    /// <summary>The console keeps a line of each writer in 256 bytes.</summary>
    [Fact]
    public void A_line_has_its_size() => Assert.InRange(sizeof(LineBuffer), LineBuffer.Capacity, 256);

    private void AssertSaid(string expected, string text)
    {
        Say(text);
        Assert.Equal(expected, Output);
    }

    private void Say(string text) => Say(ref _line, "client", text);

    private void Say(ref LineBuffer line, string name, string text) => Say(ref line, name, Encoding.UTF8.GetBytes(text));

    private void Say(byte[] text) => Say(ref _line, "client", text);

    private void Say(ref LineBuffer line, string name, byte[] text)
    {
        fixed (byte* nameBytes = Encoding.UTF8.GetBytes(name), bytes = text)
        {
            LineWriter.Take(ref _port, ref line, nameBytes, name.Length, bytes, text.Length);
        }
    }

    private struct StreamPort(Stream output) : IBytePort
    {
        public long Written { get; private set; }

        public void Write(byte value)
        {
            output.WriteByte(value);
            Written++;
        }
    }
}
