namespace Makatea.Sel4.LinuxAbi.Tests;

[Collection(LayerCollection.Name)]
public sealed unsafe class MemoryTests : IDisposable
{
    private const ulong Page = 4096;
    private const ulong Map = 9;
    private const ulong Protect = 10;
    private const ulong Unmap = 11;
    private const ulong Remap = 25;
    private const ulong Advise = 28;
    private const ulong ReadWrite = 3;
    private const ulong Private = 0x22;
    private const ulong Fixed = 0x10;
    private const ulong Stack = 0x2_0000;
    private const ulong DontNeed = 4;

    private readonly Component _component = new(21, 20);

    public void Dispose() => _component.Dispose();

    [Fact]
    public void Memory_is_given_when_it_is_touched_and_is_zero_whoever_had_it_before()
    {
        ulong address = _component.Allocate(100 * Page);
        ulong before = PageStore.Used;
        for (int round = 0; round < 3; round++)
        {
            for (ulong i = 0; i < 100; i += 2)
            {
                Assert.Equal(0ul, _component.Read(address + (i * Page)));
                _component.Write(address + (i * Page) + 8, ulong.MaxValue);
            }

            Assert.InRange(PageStore.Used - before, 50ul, 53ul); // and a table or two
            Assert.Equal(0, _component.Call(Advise, address, 100 * Page, DontNeed));
            Assert.InRange(PageStore.Used - before, 0ul, 3ul);
        }

        _component.Write(address + 8, 7);
        Assert.Equal(0, _component.Call(Unmap, address, 100 * Page));
        Assert.False(AddressSpace.Find(address) != null);
        Assert.Equal(address, _component.Allocate(Page));
        Assert.Equal(0ul, _component.Read(address + 8));
    }

    [Fact]
    public void What_may_not_be_touched_is_a_signal()
    {
        ulong handler = 0x1234;
        Install(handler, 11);
        ulong address = _component.Allocate(2 * Page);
        Assert.True(_component.Touch(address, writes: true));
        Assert.Equal(0, _component.Call(Protect, address, Page, 1));
        Assert.True(_component.Touch(address, writes: false));
        Assert.False(_component.Touch(address, writes: true));
        Assert.Equal(handler, LayerKernel.Started[Component.FirstThread].Rax);
        Assert.Equal(address, ((SignalInfo*)LayerKernel.Started[Component.FirstThread].Rsi)->Address);
        Assert.Equal(2, ((SignalInfo*)LayerKernel.Started[Component.FirstThread].Rsi)->Code);
        Assert.Equal(0, _component.Call(Protect, address, Page, ReadWrite));
        Assert.True(_component.Touch(address, writes: true));
    }

    [Fact]
    public void A_fault_that_nobody_handles_ends_the_component()
    {
        _component.First->Registers.Rip = 0xabc;
        ComponentEnded ended = Assert.Throws<ComponentEnded>(() => _component.Touch(0x5000, writes: false));
        Assert.Equal((ExitReason.Signal, 11ul, 0xabcul, 1ul), (ended.Reason, ended.Detail, ended.Instruction, ended.Thread));
        Assert.Contains("layer: signal 11 at 0xabc, address 0x5000, thread 1\n", LayerKernel.Console.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void What_may_be_written_is_promised_and_refused_where_there_is_not_so_much()
    {
        ulong available = PageStore.Unmade * Page;
        Assert.Equal(Errno.NoMemory, _component.Call(Map, 0, available, ReadWrite, Private));
        Assert.True(_component.Call(Map, 0, 256ul << 30, 0, Private) > 0);
        ulong reserved = (ulong)_component.Call(Map, 0, available, 0, Private)!.Value;
        Assert.Equal(Errno.NoMemory, _component.Call(Protect, reserved, available, ReadWrite));
        ulong half = available / 2 / Page * Page;
        Assert.Equal(0, _component.Call(Protect, reserved, half, ReadWrite));
        Assert.Equal(0, _component.Call(Protect, reserved, half, ReadWrite));
        Assert.Equal(Errno.NoMemory, _component.Call(Map, 0, half, ReadWrite, Private));
        Assert.Equal((long)reserved, _component.Call(Map, reserved, half, 0, Private | Fixed));
        Assert.True(_component.Call(Map, 0, half, ReadWrite, Private) > 0);
        Assert.True(_component.Call(Map, 0, available, ReadWrite, Private | Stack) > 0);
    }

    [Fact]
    public void Everything_that_was_promised_is_there()
    {
        ulong length = (PageStore.Unmade - (PageStore.Unmade / 16)) * Page;
        ulong address = _component.Allocate(length);
        for (ulong at = address; at < address + length; at += Page)
        {
            _component.Write(at, at);
        }

        for (ulong at = address; at < address + length; at += Page)
        {
            Assert.Equal(at, _component.Read(at));
        }

        // Stacks are promised to nobody: there, it ends.
        ulong stack = (ulong)_component.Call(Map, 0, 4 << 20, ReadWrite, Private | Stack)!.Value;
        ComponentEnded ended = Assert.Throws<ComponentEnded>(() =>
        {
            for (ulong at = stack; at < stack + (4 << 20); at += Page)
            {
                Assert.True(_component.Touch(at, writes: true));
            }
        });
        Assert.Equal(ExitReason.Memory, ended.Reason);
    }

    [Fact]
    public void Memory_grows_where_it_is_or_moves_with_its_contents()
    {
        ulong address = _component.Allocate(2 * Page);
        _component.Write(address, 1);
        _component.Write(address + Page, 2);
        Assert.Equal((long)address, _component.Call(Remap, address, 2 * Page, 4 * Page, 0));
        Assert.Equal(0ul, _component.Read(address + (3 * Page)));
        ulong behind = _component.Allocate(Page);
        Assert.Equal(address + (4 * Page), behind);
        Assert.Equal(Errno.NoMemory, _component.Call(Remap, address, 4 * Page, 8 * Page, 0));
        ulong used = PageStore.Used;
        ulong moved = (ulong)_component.Call(Remap, address, 4 * Page, 8 * Page, 1)!.Value;
        Assert.True(moved > behind);
        Assert.Equal(used, PageStore.Used);
        Assert.Equal(1ul, _component.Read(moved));
        Assert.Equal(2ul, _component.Read(moved + Page));
        Assert.True(AddressSpace.Find(address) == null);
        Assert.Equal((long)moved, _component.Call(Remap, moved, 8 * Page, Page, 0));
        Assert.True(AddressSpace.Find(moved + Page) == null);
    }

    [Fact]
    public void A_part_of_the_program_that_is_to_be_written_is_copied()
    {
        Assert.Equal(0, _component.Call(Protect, Component.ProgramAddress, Page, ReadWrite));
        Assert.Equal(0x1122_3344ul, _component.Read(Component.ProgramAddress));
        _component.Write(Component.ProgramAddress, 5);
        Assert.Equal(0, _component.Call(Protect, Component.ProgramAddress, Page, 1));
        Assert.Equal(5ul, _component.Read(Component.ProgramAddress));
    }

    [Fact]
    public void Arguments_that_wrap_or_lie_elsewhere_are_refused()
    {
        Assert.Equal(Errno.Invalid, _component.Call(Map, 0, 0, ReadWrite, Private));
        Assert.Equal(Errno.NoMemory, _component.Call(Map, 0, ulong.MaxValue, 0, Private));
        Assert.Equal(Errno.Invalid, _component.Call(Map, ComponentLayout.Layer, Page, ReadWrite, Private | Fixed));
        Assert.Equal(Errno.Invalid, _component.Call(Map, ComponentLayout.FreeEnd - Page, 2 * Page, ReadWrite, Private | Fixed));
        Assert.Equal(Errno.Invalid, _component.Call(Unmap, ComponentLayout.Info, Page));
        Assert.Equal(Errno.Invalid, _component.Call(Unmap, ComponentLayout.Free, ulong.MaxValue - Page));
        Assert.Equal(Errno.Invalid, _component.Call(Protect, 0xffff_ffff_ffff_f000, 2 * Page, ReadWrite));
        Assert.Equal(Errno.NoMemory, _component.Call(Protect, ComponentLayout.Free + (1ul << 40), Page, ReadWrite));
        Assert.Equal(Errno.Fault, _component.Call(228, 1, ComponentLayout.FreeEnd - 8));
        Assert.Equal(Errno.Fault, _component.Call(228, 1, 0xffff_8000_0000_0000));
        Assert.Equal(Errno.Fault, _component.Call(228, 1, ComponentLayout.Info)); // is only read
        Assert.Equal(Errno.Fault, _component.Call(318, ComponentLayout.Layer, 8));
    }

    private void Install(ulong handler, uint signal)
    {
        ulong action = _component.Allocate();
        _component.Write(action, handler);
        Assert.Equal(0, _component.Call(13, signal, action, 0, 8));
    }
}
