namespace Makatea.Platform.Tests;

/// <summary>Words, bytes and parts of a snapshot's state, and what is said of those that are damaged.</summary>
public sealed class StateFormTests
{
    [Fact]
    public void What_was_written_is_read_in_the_same_order()
    {
        StateReader reader = Read(writer =>
        {
            writer.Write(ulong.MaxValue);
            writer.Write(-7L);
            writer.Write(true);
            writer.Write("12345"u8);
            writer.Write((uint[])[1, uint.MaxValue]);
            writer.Write("part", part => part.Write(3UL));
            writer.Write(""u8);
        });
        uint[] words = new uint[2];
        byte[] bytes = new byte[5];
        ulong inPart = 0;
        Assert.Equal(ulong.MaxValue, reader.Read());
        Assert.Equal(-7, reader.Read(-7, 0));
        Assert.True(reader.ReadFlag());
        reader.ReadBytes(bytes);
        reader.ReadWords(words);
        reader.Read("part", part => inPart = part.ReadByte());
        Assert.True(reader.ReadBytes(10).IsEmpty);
        reader.End();
        Assert.Equal("12345"u8.ToArray(), bytes);
        Assert.Equal((uint[])[1, uint.MaxValue], words);
        Assert.Equal(3UL, inPart);
    }

    [Fact]
    public void Values_beyond_what_is_possible_are_refused()
    {
        Refused("0x100 where at most 0xff", w => w.Write(256), r => r.ReadByte());
        Refused("0x10000 where at most", w => w.Write(1 << 16), r => r.ReadUInt16());
        Refused("0x100000000 where at most", w => w.Write(1L << 32), r => r.ReadUInt32());
        Refused("0x2 where at most 0x1", w => w.Write(2), r => r.ReadFlag());
        Refused("-1 where 0 to 5", w => w.Write(-1), r => r.Read(0, 5));
        Refused("6 where 0 to 5", w => w.Write(6), r => r.Read(0, 5));
        Refused("at most 0x3", w => w.Write("1234"u8), r => r.ReadBytes(3));
        Refused("5 bytes where there are 4", w => w.Write("12345"u8), r => r.ReadBytes(new byte[4]));
        Refused("1 words where there are 2", w => w.Write((uint[])[1]), r => r.ReadWords(new uint[2]));
        Refused("'a' where 'b' is due", w => w.Write("a", _ => { }), r => r.Read("b", _ => { }));
        Refused("'a' has 8 bytes more", w => w.Write("a", part => part.Write(1)), r => r.Read("a", _ => { }));
        Refused("8 bytes more", w => w.Write(1), r => r.End());
        Refused("ends too early", _ => { }, r => r.Read());
        Refused("16 bytes follow; it has 8", w => { w.Write(16); w.Write(0); }, r => r.ReadBytes(100));
        Refused("at most", w => w.Write(ulong.MaxValue), r => r.ReadBytes(new byte[1]));
    }

    private static void Refused(string message, Action<StateWriter> write, Action<StateReader> read) =>
        Assert.Contains(message, Assert.Throws<InvalidDataException>(() => read(Read(write))).Message, StringComparison.Ordinal);

    private static StateReader Read(Action<StateWriter> write)
    {
        var writer = new StateWriter();
        write(writer);
        return new StateReader("a state", writer.Written);
    }
}
