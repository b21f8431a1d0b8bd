using System.Text;

namespace Makatea.Sel4.LinuxAbi.Tests;

[Collection(LayerCollection.Name)]
public sealed unsafe class LayerTests : IDisposable
{
    private readonly Component _component = new(21, 16);

    public void Dispose() => _component.Dispose();

    [Fact]
    public void The_program_starts_with_what_Linux_puts_on_its_stack()
    {
        ulong* stack = (ulong*)_component.First->Registers.Rsp;
        Assert.Equal(0ul, (ulong)stack % 16);
        Assert.Equal(2ul, stack[0]);
        Assert.Equal("program", Encoding.ASCII.GetString((byte*)stack[1], 7));
        Assert.Equal("one\0", Encoding.ASCII.GetString((byte*)stack[2], 4));
        Assert.Equal(0ul, stack[3]);
        Assert.Equal("NAME=value\0", Encoding.ASCII.GetString((byte*)stack[4], 11));
        Assert.Equal(0ul, stack[5]);
        var vector = new Dictionary<ulong, ulong>();
        for (ulong* at = stack + 6; at[0] != 0; at += 2)
        {
            vector.Add(at[0], at[1]);
        }

        Assert.Equal((Component.ProgramAddress + 0x100, 1ul, 56ul), (vector[3], vector[5], vector[4]));
        Assert.Equal((4096ul, Component.ProgramAddress, LayerCode.Vdso), (vector[6], vector[9], vector[33]));
        Assert.NotEqual(0ul, *(ulong*)vector[25] | *(ulong*)(vector[25] + 8));
        Assert.Equal(0ul, vector[23]);
        Assert.Equal(Component.ProgramAddress, _component.First->Registers.Rip);
    }

    [Fact]
    public void A_call_that_is_not_there_is_named_once()
    {
        LayerKernel.Console.Clear();
        Assert.Equal(Errno.NotImplemented, _component.Call(41, 1));
        Assert.Equal(Errno.NotImplemented, _component.Call(41, 1));
        Assert.Equal(Errno.NotImplemented, _component.Call(59));
        Assert.Equal("layer: system call 41 is not there\nlayer: system call 59 is not there\n", LayerKernel.Console.ToString());
        Assert.Equal(Errno.NotImplemented, _component.Call(ulong.MaxValue));
    }

    [Fact]
    public void Random_numbers_are_ChaCha20s_and_are_not_found_again()
    {
        // RFC 8439, A.1, test vector 1, from its second half on: the first is the next key.
        ulong target = _component.Allocate();
        LayerKernel.Now = 0;
        RandomNumbers.Start();
        Assert.Equal(32, _component.Call(318, target, 32, 0));
        Assert.Equal("DA41597C5157488D7724E03FB8D84A376A43B8F41518A11CC387B669B2EE6586", Convert.ToHexString(new ReadOnlySpan<byte>((void*)target, 32)));
        _component.Call(318, target, 32, 0);
        Assert.NotEqual("DA41597C5157488D7724E03FB8D84A376A43B8F41518A11CC387B669B2EE6586", Convert.ToHexString(new ReadOnlySpan<byte>((void*)target, 32)));
        Assert.DoesNotContain("random", LayerKernel.Console.ToString(), StringComparison.Ordinal);
        LayerKernel.RandomNumber = 0;
        RandomNumbers.Start();
        _component.Call(318, target, 32, 0);
        Assert.Contains("layer: the processor has no random numbers", LayerKernel.Console.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Clocks_tell_nanoseconds_by_the_processors_ticks()
    {
        ulong time = _component.Allocate();
        LayerKernel.Now = 3_000_000_123;
        Assert.Equal(0, _component.Call(228, 1, time));
        Assert.Equal((3ul, 123ul), (_component.Read(time), _component.Read(time + 8)));
        Assert.Equal(0, _component.Call(228, 0, time));
        Assert.Equal(1_700_000_003ul, _component.Read(time));
        Assert.Equal(Errno.Invalid, _component.Call(228, 99, time));

        // A hundred years of a processor of 4 GHz.
        ((ComponentInfo*)ComponentLayout.Info)->TicksPerMicrosecond = 4000;
        Clock.Start((ComponentInfo*)ComponentLayout.Info);
        LayerKernel.Now = 100ul * 365 * 86_400 * 4_000_000_000 / 1000 * 1000;
        Assert.Equal(100ul * 365 * 86_400, Clock.Now() / 1_000_000_000);
    }

    [Fact]
    public void A_waiter_is_signalled_at_its_time()
    {
        Assert.Equal(0, _component.Call((ulong)LayerRequest.SetTimer, 1, 2_000_000_000));
        Component.Pass(1.9);
        Assert.DoesNotContain(LayerKernel.Signals, s => s.Badge == 1ul << 63);
        Component.Pass(0.2);
        Assert.Single(LayerKernel.Signals, s => s.Badge == 1ul << 63);
        Component.Pass(9);
        Assert.Equal(0, _component.Call((ulong)LayerRequest.SetTimer, 1, 20_000_000_000));
        Assert.Equal(0, _component.Call((ulong)LayerRequest.SetTimer, 1, 0));
        Component.Pass(99);
        Assert.Single(LayerKernel.Signals, s => s.Badge == 1ul << 63);
        Assert.Equal(Errno.Invalid, _component.Call((ulong)LayerRequest.SetTimer, Component.Waiters, 1));
        Assert.Equal((long)LayerCode.KernelRoutine, _component.Call((ulong)LayerRequest.KernelRoutine));
    }

    [Fact]
    public void Who_yields_lets_all_others_run_first_for_a_while()
    {
        Assert.Equal(0, _component.Call(24));
        Assert.Equal(Component.Priority - 2, LayerKernel.Priorities[Component.FirstThread]);
        Component.Pass(0.0011);
        Assert.Equal(Component.Priority - 1, LayerKernel.Priorities[Component.FirstThread]);
        _component.Call(24);
        _component.Call(186);
        Assert.Equal(Component.Priority - 1, LayerKernel.Priorities[Component.FirstThread]);
    }

    [Fact]
    public void Limits_and_processors_are_those_of_the_component()
    {
        ulong target = _component.Allocate();
        Assert.Equal(8, _component.Call(204, 0, 128, target));
        Assert.Equal(1ul, _component.Read(target));
        Assert.Equal(0, _component.Call(302, 0, 3, 0, target));
        Assert.Equal(1ul << 20, _component.Read(target));
        Assert.Equal(0, _component.Call(99, target));
        Assert.Equal(PageStore.Total * 4096, _component.Read(target + 32));
        Assert.Equal(0, _component.Call(63, target));
        Assert.Equal("Linux\0", Encoding.ASCII.GetString((byte*)target, 6));
        Assert.Equal((long)(Component.ProgramAddress + 4096), _component.Call(12, 0));
        Assert.Equal((long)(Component.ProgramAddress + 4096), _component.Call(12, 0x900_0000));
    }

    [Fact]
    public void What_was_taken_back_is_not_touched()
    {
        const ulong Write = 1;
        Assert.Equal(8, _component.Call(Write, 1, Component.RegionAddress, 8));
        Grants.Get(0)->State = 0;
        Assert.Equal(Errno.Fault, _component.Call(Write, 1, Component.RegionAddress, 8));
        Assert.Equal(Errno.Fault, _component.Call((ulong)LayerRequest.MapDma, 5, Component.RegionAddress, 4096, 0, 3));
        Grants.Get(2)->State = 0;
        Assert.Equal(Errno.NoDevice, _component.Call((ulong)LayerRequest.MapDma, 5, Component.RegionAddress, 4096, 0, 3));
        Assert.Throws<ComponentEnded>(() => _component.Touch(Component.RegionAddress, writes: true));
    }

    [Fact]
    public void A_component_with_too_little_memory_says_so()
    {
        ComponentEnded ended = Assert.Throws<ComponentEnded>(() => new Component(16));
        Assert.Equal(ExitReason.Layer, ended.Reason);
        Assert.Contains("layer: too little memory", LayerKernel.Console.ToString(), StringComparison.Ordinal);
    }
}
