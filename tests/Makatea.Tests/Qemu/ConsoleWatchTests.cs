using System.Text;
using Makatea.Qemu;

namespace Makatea.Tests.Qemu;

public sealed class ConsoleWatchTests
{
    private const string Kernel = "Boot config: debug\r\nStarting node\r\n";
    private const string Last = "Booting all finished, dropped to user space\r\n";
    private readonly MemoryStream _output = new();

    private string Output => Encoding.UTF8.GetString(_output.ToArray());

    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(1000)]
    public void What_the_kernel_says_is_kept_however_it_comes(int piece)
    {
        var watch = new ConsoleWatch(_output, null, showsKernel: false);
        Feed(watch, Kernel + Last + "makatea: root task\r\nstorage: up\r\n", piece);
        watch.End();
        Assert.Equal("makatea: root task\r\nstorage: up\r\n", Output);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(1000)]
    public void A_kernel_that_does_not_say_that_it_is_done_is_done_when_the_root_task_speaks(int piece)
    {
        var watch = new ConsoleWatch(_output, null, showsKernel: false);
        Feed(watch, "some loader\r\nmakatea: root task\r\n", piece);
        Assert.Equal("makatea: root task\r\n", Output);
    }

    [Fact]
    public void What_the_kernel_says_is_shown_where_nothing_comes_after_it()
    {
        var watch = new ConsoleWatch(_output, null, showsKernel: false);
        Feed(watch, Kernel + "halting", 5);
        Assert.Empty(Output);
        watch.End();
        Assert.Equal(Kernel + "halting\n", Output);
    }

    [Fact]
    public void What_the_kernel_says_is_shown_where_that_was_asked_for()
    {
        Feed(new ConsoleWatch(_output, null, showsKernel: true), Kernel + Last, 5);
        Assert.Equal(Kernel + Last, Output);
    }

    [Theory]
    [InlineData("done: 5", "client: done: 5 requests\r\n", true)]
    [InlineData("done", "client: do\r\nne\r\n", false)]
    [InlineData("done", "client: don", false)]
    [InlineData("Starting", "", false)]
    public void Text_is_found_in_lines_of_the_system(string until, string text, bool isFound)
    {
        foreach (int piece in new[] { 1, 3, 1000 })
        {
            var watch = new ConsoleWatch(new MemoryStream(), Encoding.UTF8.GetBytes(until), showsKernel: false);
            Feed(watch, Last + text, piece);
            Assert.Equal(isFound, watch.IsFound);
        }
    }

    /// <summary>So that the line with the text is shown as a whole.</summary>
    [Fact]
    public void What_is_found_is_waited_for_to_the_end_of_its_line()
    {
        var watch = new ConsoleWatch(_output, "done"u8.ToArray(), showsKernel: false);
        Assert.False(Feed(watch, Last + "client: done: 5", 3));
        Assert.True(watch.IsFound);
        Assert.True(Feed(watch, " requests\r", 3));
    }

    private static bool Feed(ConsoleWatch watch, string text, int piece)
    {
        bool isFound = false;
        foreach (byte[] part in Encoding.UTF8.GetBytes(text).Chunk(piece))
        {
            isFound |= watch.Take(part);
        }

        return isFound;
    }
}
