using System.Text;
using FsCheck;
using FsCheck.Fluent;

namespace Makatea.Vmm.Tests;

/// <summary>[16550].</summary>
public sealed class SerialPortTests
{
    private readonly RecordingLine _line = new();
    private readonly SerialPort _port;

    public SerialPortTests() => _port = new(_line);

    [Fact]
    public void S8_After_reset()
    {
        Assert.Equal([0, 0, 1, 0, 0, 0x60, 0xb0, 0], Enumerable.Range(0, 8).Select(Read));
    }

    [Fact]
    public void What_is_written_is_sent_at_once()
    {
        int told = 0;
        _port.Sent += () => told++;
        Write(0, 'h');
        Write(0, 'i');
        Assert.Equal(0x60, Read(5));
        Assert.Equal(1, told);
        Assert.Equal("hi", Sent());
        Write(0, '!');
        Assert.Equal(2, told);
        Assert.Equal("!", Sent());
    }

    [Fact]
    public void Of_a_flood_the_latest_is_kept_and_the_rest_counted()
    {
        const int Flood = SerialPort.OutputCapacity + 1000;
        for (int i = 0; i < Flood; i++)
        {
            Write(0, i % 251);
        }

        byte[] kept = new byte[SerialPort.OutputCapacity + 1];
        Assert.Equal(SerialPort.OutputCapacity, _port.Take(kept));
        Assert.Equal(1000, _port.Lost);
        for (int i = 0; i < SerialPort.OutputCapacity; i++)
        {
            Assert.Equal((byte)((i + 1000) % 251), kept[i]);
        }
    }

    [Fact]
    public void S8_3_The_divisor_is_behind_its_latch()
    {
        Write(3, 0x83);
        Assert.Equal((12, 0), (Read(0), Read(1)));
        Write(0, 0x34);
        Write(1, 0x12);
        Assert.Equal((0x34, 0x12), (Read(0), Read(1)));
        Write(3, 3);
        Assert.Equal((0, 0), (Read(0), Read(1)));
        Assert.Equal("", Sent());
        Write(7, 0xa5);
        Assert.Equal(0xa5, Read(7));
    }

    [Fact]
    public void S8_5_The_transmitter_interrupts_when_it_is_empty_and_IIR_clears_it()
    {
        Write(4, 8);
        Write(1, 2);
        Assert.True(_line.IsAsserted);
        Assert.Equal(2, Read(2));
        Assert.False(_line.IsAsserted);
        Assert.Equal(1, Read(2));
        Write(0, 'x');
        Assert.True(_line.IsAsserted);
        Write(1, 0);
        Assert.False(_line.IsAsserted);
        Write(1, 2); // enabled anew while it is empty
        Assert.True(_line.IsAsserted);
    }

    [Fact]
    public void T4_Interrupts_have_priorities()
    {
        Write(4, 8);
        Write(1, 0xf);
        Write(4, 0x1b); // a loop: OUT2, RTS and DTR are the modem's lines; carrier stays, RTS and DTR too
        Write(4, 0x1a); // DTR goes: data set ready changes
        Write(0, 'a');
        Write(0, 'b'); // without FIFOs: overrun
        Assert.Equal(6, Read(2));
        Assert.Equal(0x63, Read(5));
        Assert.Equal(4, Read(2));
        Assert.Equal('a', Read(0));
        Assert.Equal(2, Read(2));
        Assert.Equal(0, Read(2));
        Assert.Equal(0x92, Read(6));
        Assert.Equal(1, Read(2));
        Assert.Equal(0x90, Read(6));
    }

    [Fact]
    public void S8_4_FIFOs_have_trigger_levels_and_below_them_a_timeout()
    {
        Write(2, 0x81); // 8 characters
        Write(4, 8);
        Write(1, 1);
        Assert.Equal(0xc1, Read(2));
        Assert.Equal(7, _port.Receive("1234567"u8));
        Assert.Equal(0xcc, Read(2));
        Assert.True(_line.IsAsserted);
        Assert.Equal(9, _port.Receive("89abcdefXYZ"u8));
        Assert.Equal(0xc4, Read(2));
        Assert.Equal(0, _port.Receive("X"u8));
        string received = "";
        while ((Read(5) & 1) != 0)
        {
            received += (char)Read(0);
        }

        Assert.Equal("123456789abcdef"[..15] + "X", received);
        Assert.False(_line.IsAsserted);
    }

    [Fact]
    public void S8_4_FIFO_control_clears_what_was_received()
    {
        Write(2, 1);
        _port.Receive("abc"u8);
        Write(2, 3);
        Assert.Equal(0x60, Read(5));
        _port.Receive("abc"u8);
        Write(2, 0); // disabling clears too
        Assert.Equal(0x60, Read(5));
        Assert.Equal(1, _port.Receive("abc"u8));
    }

    [Fact]
    public void Room_is_told_of_when_there_is_some_again()
    {
        int told = 0;
        _port.HasRoom += () => told++;
        Assert.Equal(1, _port.Receive("ab"u8));
        Assert.Equal(0, _port.Receive("b"u8));
        Assert.Equal(0, told);
        Assert.Equal('a', Read(0));
        Assert.Equal(1, told);
        Assert.Equal(1, _port.Receive("b"u8));
        Write(2, 1);
        Assert.Equal(2, told);
    }

    [Fact]
    public void S8_6_In_a_loop_the_lines_are_its_own_and_nothing_leaves()
    {
        foreach ((int control, int status) in ((int, int)[])[(0x10, 0x00), (0x11, 0x20), (0x12, 0x10), (0x14, 0x40), (0x18, 0x80), (0x1f, 0xf0)])
        {
            Write(4, control);
            Assert.Equal(status, Read(6) & 0xf0);
        }

        Write(0, 'x');
        Assert.Equal('x', Read(0));
        Assert.Equal("", Sent());
        Write(1, 2);
        Assert.False(_line.IsAsserted); // OUT2 is off outside
        Write(4, 8);
        Assert.Equal(0xb0, Read(6) & 0xf0);
        Assert.True(_line.IsAsserted);
    }

    [Fact]
    public void Without_OUT2_no_interrupt_leaves()
    {
        Write(1, 2);
        Assert.False(_line.IsAsserted);
        Write(4, 8);
        Assert.True(_line.IsAsserted);
    }

    [Theory]
    [InlineData(0, 2)]
    [InlineData(4, 4)]
    [InlineData(0, 8)]
    [InlineData(8, 1)]
    public void Other_accesses_read_as_all_ones_and_write_nothing(int register, int width)
    {
        Assert.Equal(RegisterWidth.Mask(width), _port.Read((ulong)register, width));
        _port.Write((ulong)register, width, 0x4141);
        Assert.Equal("", Sent());
    }

    [Fact]
    public void Any_input_in_any_pieces_arrives_in_order() => Prop.ForAll<byte[][], bool>((pieces, fifos) =>
    {
        SerialPort port = new(InterruptLine.None);
        port.Write(2, 1, fifos ? 1ul : 0);
        List<byte> arrived = [];
        foreach (byte[] piece in pieces)
        {
            for (int given = 0; given < piece.Length;)
            {
                given += port.Receive(piece.AsSpan(given));
                while ((port.Read(5, 1) & 1) != 0)
                {
                    arrived.Add((byte)port.Read(0, 1));
                }
            }
        }

        Assert.Equal(pieces.SelectMany(p => p), arrived);
    }).QuickCheckThrowOnFailure();

    [Fact]
    public void An_access_allocates_nothing()
    {
        Write(0, 'x');
        Read(5);
        long before = GC.GetAllocatedBytesForCurrentThread();
        Write(0, 'x');
        Read(5);
        Read(2);
        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());
    }

    private int Read(int register) => (int)_port.Read((ulong)register, 1);

    private void Write(int register, int value) => _port.Write((ulong)register, 1, (ulong)value);

    private string Sent()
    {
        byte[] bytes = new byte[100];
        return Encoding.Latin1.GetString(bytes, 0, _port.Take(bytes));
    }
}
