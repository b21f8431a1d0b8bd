using System.Text;

namespace Makatea.Sel4.LinuxAbi.Tests;

[Collection(LayerCollection.Name)]
public sealed unsafe class FileTests : IDisposable
{
    private const ulong Read = 0;
    private const ulong Write = 1;
    private const ulong Open = 2;
    private const ulong Close = 3;
    private const ulong Status = 4;
    private const ulong Poll = 7;
    private const ulong Seek = 8;
    private const ulong ReadFrom = 17;
    private const ulong Access = 21;
    private const ulong Duplicate = 32;
    private const ulong Replace = 33;
    private const ulong Control = 72;
    private const ulong ReadLink = 89;
    private const ulong FileSystem = 137;
    private const ulong EventFile = 290;
    private const ulong Pipe = 293;

    private readonly Component _component = new(22);
    private readonly ulong _buffer;

    public FileTests() => _buffer = _component.Allocate(1 << 16);

    public void Dispose() => _component.Dispose();

    [Fact]
    public void What_the_C_library_and_the_collector_read_says_how_much_memory_there_is()
    {
        Assert.Equal($"{4 << 20}\n", Contents("/sys/fs/cgroup/memory.max"));
        Assert.Equal($"{4 << 20}\n", Contents("/sys//fs/cgroup//memory.max"));
        ulong path = _component.Text("/sys/fs/cgroup/memory.current");
        Assert.Equal($"{PageStore.Used * 4096}\n", Contents(path));
        Assert.Contains("inactive_file 0\n", Contents("/sys/fs/cgroup/memory.stat"), StringComparison.Ordinal);
        Assert.Equal("0::/\n", Contents("/proc/self/cgroup"));
        Assert.Matches("^1 0 0:1 / /sys/fs/cgroup rw - cgroup2 .*\n$", Contents("/proc/self/mountinfo"));
        Assert.Contains("MemTotal:       4096 kB\n", Contents("/proc/meminfo"), StringComparison.Ordinal);
        Assert.Equal("0\n", Contents("/sys/devices/system/cpu/online"));
        Assert.Equal("program\0one\0", Contents("/proc/self/cmdline"));
        Assert.Equal(0, _component.Call(FileSystem, _component.Text("/sys/fs/cgroup"), _buffer));
        Assert.Equal(0x6367_7270ul, _component.Read(_buffer));
    }

    [Fact]
    public void The_map_of_memory_shows_the_stack()
    {
        string maps = Contents("/proc/self/maps");
        string[] lines = maps.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.All(lines, line => Assert.Matches("^[0-9a-f]{8,}-[0-9a-f]{8,} [r-][w-][x-]p 00000000 00:00 0( +\\[stack\\])?$", line));
        Assert.Equal($"00200000-00201000 r-xp 00000000 00:00 0", lines[0]);
        Assert.Single(lines, line => line.EndsWith("[stack]", StringComparison.Ordinal));

        // In parts it is the same.
        ulong path = _component.Text("/proc/self/maps");
        ulong descriptor = (ulong)_component.Call(Open, path, 0)!.Value;
        var parts = new StringBuilder();
        for (long? length = 1; length > 0;)
        {
            length = _component.Call(Read, descriptor, _buffer, 7);
            parts.Append(Text((int)length!.Value));
        }

        Assert.Equal(Contents(path), parts.ToString());
    }

    [Fact]
    public void Files_of_the_archive_are_read_and_not_written()
    {
        ulong path = _component.Text("/archive/notes.txt");
        ulong descriptor = (ulong)_component.Call(Open, path, 0)!.Value;
        Assert.Equal(8, _component.Call(Read, descriptor, _buffer, 8));
        Assert.Equal("contents", Text(8));
        Assert.Equal(4, _component.Call(ReadFrom, descriptor, _buffer, 100, 14));
        Assert.Equal("file", Text(4));
        Assert.Equal(10, _component.Call(Read, descriptor, _buffer, 100));
        Assert.Equal(0, _component.Call(Read, descriptor, _buffer, 100));
        Assert.Equal(16, _component.Call(Seek, descriptor, unchecked((ulong)-2L), 2));
        Assert.Equal(2, _component.Call(Read, descriptor, _buffer, 100));
        Assert.Equal(Errno.Invalid, _component.Call(Seek, descriptor, unchecked((ulong)-2L), 0));
        Assert.Equal(0, _component.Call(ReadFrom, descriptor, _buffer, 8, ulong.MaxValue));
        Assert.Equal(Errno.Fault, _component.Call(ReadFrom, descriptor, 8, 8, 0));
        Assert.Equal(0, _component.Call(Status, path, _buffer));
        Assert.Equal(18ul, ((FileStatus*)_buffer)->Length);
        Assert.Equal(144, sizeof(FileStatus));
        Assert.Equal(Errno.ReadOnly, _component.Call(Open, path, 2));
        Assert.Equal(Errno.NotOpen, _component.Call(Write, descriptor, _buffer, 1));
        Assert.Equal(0, _component.Call(Access, path, 4));
        Assert.Equal(Errno.ReadOnly, _component.Call(Access, path, 2));
        Assert.Equal(Errno.NoEntry, _component.Call(Open, _component.Text("/archive/notes"), 0));
        Assert.Equal(Errno.NoEntry, _component.Call(Open, _component.Text("/archive/notes.txt2"), 0));
        Assert.Equal(Errno.ReadOnly, _component.Call(Open, _component.Text("/tmp/new"), 0x41));
        Assert.Equal(Errno.NameTooLong, _component.Call(Open, _component.Text(new string('x', 300)), 0));
        Assert.Equal(Errno.Fault, _component.Call(Open, 0x1000, 0));
        Assert.Equal(0, _component.Call(Close, descriptor));
        Assert.Equal(Errno.NotOpen, _component.Call(Read, descriptor, _buffer, 8));
    }

    [Fact]
    public void Text_goes_to_the_console()
    {
        ulong text = _component.Text("a line\n");
        Assert.Equal(7, _component.Call(Write, 1, text, 7));
        Assert.Equal(3, _component.Call(Write, 2, text, 3));
        Assert.EndsWith("a line\na l", LayerKernel.Console.ToString(), StringComparison.Ordinal);
        Assert.Equal(0, _component.Call(Read, 0, _buffer, 10));
        Assert.Equal(Errno.NotTerminal, _component.Call(16, 1, 0x5401));
    }

    [Fact]
    public void A_reader_of_a_pipe_waits_for_a_writer_and_the_other_way_round()
    {
        (ulong reader, ulong writer) = MakePipe(0);
        LinuxThread* thread = _component.Clone();
        Assert.Null(_component.Call(thread, Read, reader, _buffer + 4096, 10));
        uint reply = thread->Reply;
        _component.Write(_buffer, 0x6f6c6c6568);
        Assert.Equal(5, _component.Call(Write, writer, _buffer, 5));
        Assert.Equal(5ul, LayerKernel.Answers[reply].Rax);
        Assert.Equal("hello", Encoding.ASCII.GetString((byte*)_buffer + 4096, 5));

        // Full: the writer waits, and what it writes comes whole.
        Assert.Equal(4000, _component.Call(Write, writer, _buffer, 4000));
        Assert.Null(_component.Call(thread, Write, writer, _buffer, 97));
        Assert.Equal(1, _component.Call(Read, reader, _buffer, 1));
        Assert.Equal(WaitKind.None, thread->Wait);
        Assert.Equal(4096, _component.Call(Read, reader, _buffer, 1 << 16));

        // A closed end is an end.
        Assert.Null(_component.Call(thread, Read, reader, _buffer, 10));
        reply = thread->Reply;
        Assert.Equal(0, _component.Call(Close, writer));
        Assert.Equal(0ul, LayerKernel.Answers[reply].Rax);
        (ulong other, ulong otherWriter) = MakePipe(0x800);
        Assert.Equal(Errno.Again, _component.Call(Read, other, _buffer, 10));
        ulong action = _component.Allocate();
        _component.Write(action, SignalAction.Ignore);
        Assert.Equal(0, _component.Call(13, 13, action, 0, 8));
        Assert.Equal(0, _component.Call(Close, other));
        Assert.Equal(Errno.BrokenPipe, _component.Call(Write, otherWriter, _buffer, 10));
    }

    [Fact]
    public void Pipes_come_and_go()
    {
        ulong used = 0;
        for (int i = 0; i < 200; i++)
        {
            (ulong reader, ulong writer) = MakePipe(0);
            ulong copy = (ulong)_component.Call(Duplicate, writer)!.Value;
            Assert.Equal(0, _component.Call(Close, writer));
            Assert.Equal(3, _component.Call(Write, copy, _buffer, 3));
            Assert.Equal(0, _component.Call(Close, copy));
            Assert.Equal(3, _component.Call(Read, reader, _buffer, 100));
            Assert.Equal(0, _component.Call(Close, reader));
            Assert.True(i < 2 || used == PageStore.Used);
            used = PageStore.Used;
        }
    }

    [Fact]
    public void Event_files_count()
    {
        ulong file = (ulong)_component.Call(EventFile, 3, 0x800)!.Value;
        Assert.Equal(8, _component.Call(Read, file, _buffer, 8));
        Assert.Equal(3ul, _component.Read(_buffer));
        Assert.Equal(Errno.Again, _component.Call(Read, file, _buffer, 8));
        Assert.Equal(Errno.Invalid, _component.Call(Read, file, _buffer, 4));
        _component.Write(_buffer, ulong.MaxValue - 1);
        Assert.Equal(8, _component.Call(Write, file, _buffer, 8));
        _component.Write(_buffer, 1);
        Assert.Equal(Errno.Again, _component.Call(Write, file, _buffer, 8));
        ulong semaphore = (ulong)_component.Call(EventFile, 2, 1)!.Value;
        Assert.Equal(8, _component.Call(Read, semaphore, _buffer, 8));
        Assert.Equal(1ul, _component.Read(_buffer));
    }

    [Fact]
    public void A_poll_waits_for_one_of_several_files_or_for_its_time()
    {
        (ulong reader, ulong writer) = MakePipe(0);
        ulong file = (ulong)_component.Call(EventFile, 0, 0)!.Value;
        ulong list = _component.Allocate();
        _component.Write(list, reader | (1ul << 32));
        _component.Write(list + 8, file | (1ul << 32));
        _component.Write(list + 16, 200 | (1ul << 32));
        Assert.Equal(0, _component.Call(Poll, list, 2, 0));
        Assert.Equal(1, _component.Call(Poll, list, 3, 0));
        Assert.Equal(Readiness.NotOpen, ((PollEntry*)list)[2].Found);
        LinuxThread* thread = _component.Clone();
        Assert.Null(_component.Call(thread, Poll, list, 2, ulong.MaxValue));
        uint reply = thread->Reply;
        _component.Write(_buffer, 1);
        Assert.Equal(8, _component.Call(Write, file, _buffer, 8));
        Assert.Equal(1ul, LayerKernel.Answers[reply].Rax);
        Assert.Equal((0, 1), (((PollEntry*)list)[0].Found, ((PollEntry*)list)[1].Found));
        Assert.Equal(8, _component.Call(Read, file, _buffer, 8));

        // What changes and leaves nothing does not start its time again.
        Assert.Null(_component.Call(thread, Poll, list, 2, 1000));
        reply = thread->Reply;
        Component.Pass(0.9);
        (ulong otherReader, _) = MakePipe(0);
        Assert.Equal(0, _component.Call(Close, otherReader));
        Component.Pass(0.2);
        Assert.Equal((WaitKind.None, 0ul), (thread->Wait, LayerKernel.Answers[reply].Rax));
        Assert.Equal(0, _component.Call(Close, writer));
        Assert.Equal(1, _component.Call(Poll, list, 1, 0));
        Assert.Equal(Readiness.HungUp, ((PollEntry*)list)[0].Found);
    }

    [Fact]
    public void Descriptors_are_the_lowest_that_are_free_and_share_their_place()
    {
        ulong first = (ulong)_component.Call(Open, _component.Text("/archive/notes.txt"), 0)!.Value;
        Assert.Equal(3ul, first);
        Assert.Equal(4, _component.Call(Duplicate, first));
        Assert.Equal(10, _component.Call(Control, first, 1030, 10));
        Assert.Equal(20, _component.Call(Replace, 4, 20));
        Assert.Equal(8, _component.Call(Read, 20, _buffer, 8));
        Assert.Equal(10, _component.Call(Read, 10, _buffer, 100));
        Assert.Equal(0, _component.Call(Close, first));
        Assert.Equal(0, _component.Call(Read, 4, _buffer, 100));
        int opened = 0;
        long? result;
        while ((result = _component.Call(Duplicate, 1)) >= 0)
        {
            opened++;
        }

        Assert.Equal(Errno.TooManyOpen, result);
        Assert.Equal(Descriptors.Count - 6, opened);
        Assert.Equal(Errno.NotOpen, _component.Call(Duplicate, ulong.MaxValue));
        Assert.Equal(Errno.NotOpen, _component.Call(Replace, 1, 256));
    }

    [Fact]
    public void The_program_is_a_link_and_what_is_not_there_is_not_there()
    {
        Assert.Equal(8, _component.Call(ReadLink, _component.Text("/proc/self/exe"), _buffer, 100));
        Assert.Equal("/program", Text(8));
        Assert.Equal(Errno.Invalid, _component.Call(ReadLink, _component.Text("/proc"), _buffer, 100));
        Assert.Equal(Errno.NoEntry, _component.Call(ReadLink, _component.Text("/proc/self/fd/1"), _buffer, 100));
        Assert.Equal(Errno.IsDirectory, _component.Call(Open, _component.Text("/archive"), 1));
        Assert.Equal(Errno.NotDirectory, _component.Call(Open, _component.Text("/dev/null"), 0x1_0000));
    }

    private string Contents(string path) => Contents(_component.Text(path));

    private string Contents(ulong path)
    {
        ulong descriptor = (ulong)_component.Call(Open, path, 0)!.Value;
        int length = (int)_component.Call(Read, descriptor, _buffer, 1 << 16)!.Value;
        Assert.Equal(0, _component.Call(Read, descriptor, _buffer + 60_000, 100));
        Assert.Equal(0, _component.Call(Close, descriptor));
        return Text(length);
    }

    private string Text(int length) => Encoding.UTF8.GetString((byte*)_buffer, length);

    private (ulong Reader, ulong Writer) MakePipe(ulong flags)
    {
        _component.Write(_buffer, 0);
        Assert.Equal(0, _component.Call(Pipe, _buffer, flags));
        return (((uint*)_buffer)[0], ((uint*)_buffer)[1]);
    }
}
