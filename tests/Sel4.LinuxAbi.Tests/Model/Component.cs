using System.Text;

namespace Makatea.Sel4.LinuxAbi.Tests;

/// <summary>A component on the model of the kernel: its program's threads call the layer as the kernel would have them.</summary>
internal sealed unsafe class Component : IDisposable
{
    public const uint FirstThread = 20;
    public const uint FirstReply = 100;
    public const uint FirstWaiter = 200;
    public const uint Function = 210;
    public const uint RegionPages = 220;
    public const ulong RegionAddress = ComponentLayout.Grants;
    public const ulong RegionLength = 4 * 4096;
    public const ulong FileAddress = ComponentLayout.Grants + 0x10_0000;
    public const ulong ProgramAddress = 0x20_0000;
    public const int Threads = 8;
    public const int Waiters = 2;
    public const ulong Priority = 50;

    public const uint Guest = 290;
    public const ulong GuestBuffer = ComponentLayout.Grants + 0x20_0000;

    private const ulong Second = 1_000_000_000;
    private const ulong PageSize = 4096;
    private const uint FirstUntyped = 300;
    private const ulong HeaderOffset = 0x100;

    private readonly ulong* _board;

    /// <summary>Starts a component.</summary>
    /// <param name="untypedBits">Sizes of its memory.</param>
    public Component(params int[] untypedBits)
    {
        _board = (ulong*)System.Runtime.InteropServices.NativeMemory.AllocZeroed((nuint)BoardValue.Count, sizeof(ulong));
        _board[(int)BoardValue.FaultMemory] = 6;
        _board[(int)BoardValue.XSaveSize] = 576;
        _board[(int)BoardValue.XSaveFeatures] = 3;
        _board[(int)BoardValue.SysVMEnter] = unchecked((ulong)-32L);
        _board[(int)BoardValue.SysCall] = unchecked((ulong)-1L);
        Board.Use((long*)_board);
        LayerKernel.Reset(
            untypedBits.Select((bits, i) => (FirstUntyped + (uint)i, bits)),
            Enumerable.Range(0, Waiters).Select(i => FirstWaiter + (uint)i).Append(ComponentLayout.EventsSlot));
        ulong other = LayerKernel.OtherPages;
        for (ulong at = 0; at < ComponentLayout.InfoLength; at += PageSize)
        {
            HostMemory.Show(ComponentLayout.Info + at, other + at, true, true);
        }

        other += ComponentLayout.InfoLength;
        for (ulong at = 0; at < RegionLength; at += PageSize)
        {
            HostMemory.Show(RegionAddress + at, other + at, true, true);
            LayerKernel.GivePage(RegionPages + (uint)(at / PageSize), other + at);
        }

        other += RegionLength;
        HostMemory.Show(FileAddress, other, true, true);
        HostMemory.Show(ProgramAddress, other + PageSize, true, true);
        *(ulong*)ProgramAddress = 0x1122_3344;
        *(ProgramHeader*)(ProgramAddress + HeaderOffset) = new ProgramHeader { Type = 1, Flags = 5, Address = ProgramAddress, MemoryLength = PageSize };
        HostMemory.Show(ProgramAddress, other + PageSize, true, false);
        "contents of a file"u8.CopyTo(new Span<byte>((void*)FileAddress, 100));
        FillInfo(untypedBits);
        Layer.Start((ComponentInfo*)ComponentLayout.Info);
        First = LinuxAbi.Threads.Get(0);
        LayerKernel.Started.Clear();
    }

    /// <summary>The thread that the program starts with.</summary>
    public LinuxThread* First { get; }

    public void Dispose() => System.Runtime.InteropServices.NativeMemory.Free(_board);

    /// <summary>A thread makes a system call.</summary>
    /// <returns>Its result; null where the thread waits.</returns>
    public long? Call(LinuxThread* thread, ulong number, params ulong[] arguments)
    {
        Registers registers = thread->Registers;
        registers.Rax = number;
        registers.Rdi = arguments.ElementAtOrDefault(0);
        registers.Rsi = arguments.ElementAtOrDefault(1);
        registers.Rdx = arguments.ElementAtOrDefault(2);
        registers.R10 = arguments.ElementAtOrDefault(3);
        registers.R8 = arguments.ElementAtOrDefault(4);
        registers.R9 = arguments.ElementAtOrDefault(5);
        return Handle(thread, FaultMessage.UnknownCall, (ulong*)&registers) ? (long)thread->Registers.Rax : null;
    }

    public long? Call(ulong number, params ulong[] arguments) => Call(First, number, arguments);

    /// <summary>A thread makes a fault. False: it waits, or was restarted.</summary>
    public bool Handle(LinuxThread* thread, ulong label, ulong* words)
    {
        uint reply = Replies.Take();
        thread->Reply = reply;
        FaultAnswer answer = Faults.Handle(thread, new FaultMessage { Badge = thread->Id, Label = label, Words = words });
        if (answer == FaultAnswer.None)
        {
            return false;
        }

        thread->Reply = 0;
        Replies.Give(reply);
        return true;
    }

    /// <summary>A thread touches an address.</summary>
    /// <returns>False where that is a signal.</returns>
    public bool Touch(ulong address, bool writes)
    {
        LayerKernel.Running[First->Slot] = First->Registers;
        ulong* words = stackalloc ulong[] { First->Registers.Rip, address, 0, writes ? 7u : 4u };
        return Handle(First, FaultMessage.Page, words);
    }

    /// <summary>Writes a number into memory as the program would.</summary>
    public void Write(ulong address, ulong value)
    {
        Assert.True(Touch(address, writes: true));
        *(ulong*)address = value;
    }

    public ulong Read(ulong address)
    {
        Assert.True(Touch(address, writes: false));
        return *(ulong*)address;
    }

    /// <summary>Memory of the program.</summary>
    public ulong Allocate(ulong length = PageSize) => (ulong)Call(9, 0, length, 3, 0x22, ulong.MaxValue, 0)!.Value;

    /// <summary>A text in memory of the program.</summary>
    public ulong Text(string text)
    {
        ulong address = Allocate();
        Write(address, 0);
        Encoding.UTF8.GetBytes(text + "\0").CopyTo(new Span<byte>((void*)address, 4096));
        return address;
    }

    /// <summary>Another thread of the program.</summary>
    public LinuxThread* Clone(ulong clearAddress = 0)
    {
        long? id = Call(56, 0x003d_0f00 & ~(clearAddress == 0 ? 0x20_0000ul : 0) & ~0x10_0000ul, 0x7fff_0000, 0, clearAddress, 0x1234_5000);
        Assert.True(id > 1);
        return LinuxAbi.Threads.Find((ulong)id.Value);
    }

    /// <summary>Time goes on, and the layer hears that it does.</summary>
    public static void Pass(double seconds)
    {
        LayerKernel.Now += (ulong)(seconds * Second);
        Deadlines.Pass();
    }

    private static void FillInfo(int[] untypedBits)
    {
        const ulong Bits = 0x400;
        const ulong Texts = 0x600;
        const ulong Grants = 0x800;
        const ulong TicksPerMicrosecond = 1000;
        var info = (ComponentInfo*)ComponentLayout.Info;
        *info = new ComponentInfo
        {
            Magic = ComponentInfo.MagicValue,
            Entry = ProgramAddress,
            HeadersAddress = ProgramAddress + HeaderOffset,
            Headers = 1,
            ProgramStart = ProgramAddress,
            ProgramEnd = ProgramAddress + PageSize,
            ArgumentsOffset = Texts,
            ArgumentsLength = Put(Texts, "program\0one\0"),
            EnvironmentOffset = Texts + 0x40,
            EnvironmentLength = Put(Texts + 0x40, "NAME=value\0"),
            FirstThread = FirstThread,
            Threads = Threads,
            FirstReply = FirstReply,
            FirstWaiter = FirstWaiter,
            Waiters = Waiters,
            FirstUntyped = FirstUntyped,
            Untypeds = (ulong)untypedBits.Length,
            UntypedBitsOffset = Bits,
            FirstEmpty = 1000,
            EndEmpty = 1000 + (uint)untypedBits.Sum(bits => 1 << (bits - 12)) + 700,
            Priority = Priority,
            TicksPerMicrosecond = TicksPerMicrosecond,
            StartSeconds = 1_700_000_000,
            GrantsOffset = Grants,
            GrantCount = 4,
            Ticker = FirstThread + Threads,
        };
        for (int i = 0; i < untypedBits.Length; i++)
        {
            ((ulong*)(ComponentLayout.Info + Bits))[i] = (ulong)untypedBits[i];
        }

        var grants = (GrantInfo*)(ComponentLayout.Info + Grants);
        grants[0] = new GrantInfo { Kind = GrantKind.Region, Slot = RegionPages, Address = RegionAddress, Length = RegionLength, Value = 1, State = 1 };
        grants[1] = new GrantInfo { Kind = GrantKind.File, NameOffset = Texts + 0x80, NameLength = Put(Texts + 0x80, "notes.txt"), Address = FileAddress, Length = 18, State = 1 };
        grants[2] = new GrantInfo { Kind = GrantKind.Function, Number = 5, Slot = Function, State = 1 };
        grants[3] = new GrantInfo { Kind = GrantKind.Guest, Number = 6, Slot = Guest, Address = GuestBuffer, Length = PageSize, State = 1 };
    }

    private static ulong Put(ulong offset, string text)
    {
        byte[] bytes = Encoding.ASCII.GetBytes(text);
        bytes.CopyTo(new Span<byte>((void*)(ComponentLayout.Info + offset), bytes.Length));
        return (ulong)bytes.Length;
    }
}
