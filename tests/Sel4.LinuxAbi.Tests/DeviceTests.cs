namespace Makatea.Sel4.LinuxAbi.Tests;

[Collection(LayerCollection.Name)]
public sealed unsafe class DeviceTests : IDisposable
{
    private const ulong Page = 4096;
    private const ulong Number = 5;
    private const ulong Allocate = (ulong)LayerRequest.AllocateDma;
    private const ulong Map = (ulong)LayerRequest.MapDma;
    private const ulong Unmap = (ulong)LayerRequest.UnmapDma;

    private readonly Component _component = new(21);

    public void Dispose() => _component.Dispose();

    [Fact]
    public void A_function_reaches_what_it_was_let_and_no_more_when_that_is_over()
    {
        ulong memory = (ulong)_component.Call(Allocate, 3 * Page)!.Value;
        Assert.Equal(0ul, *(ulong*)memory | *(ulong*)(memory + (2 * Page)));
        Assert.Equal(0, _component.Call(Map, Number, memory, 3 * Page, 0x10_0000, 3));
        Assert.Equal(0, _component.Call(Map, Number, Component.RegionAddress + Page, Page, 0x8000_0000, 1));
        Assert.Equal(4, LayerKernel.Devices.Count);
        Assert.Equal(CapabilityRights.ReadWrite, LayerKernel.Devices[(Component.Function, 0x10_1000)].Rights);
        Assert.Equal((LayerKernel.OtherPages + ComponentLayout.InfoLength + Page, CapabilityRights.Read), LayerKernel.Devices[(Component.Function, 0x8000_0000)]);

        // What a device reaches is not given to somebody else.
        Assert.Equal(Errno.Busy, _component.Call(11, memory, 3 * Page));
        Assert.Equal(Errno.Busy, _component.Call(Map, Number, memory, Page, 0x10_2000, 3));
        Assert.Equal(0, _component.Call(Unmap, Number, 0x10_0000, 3 * Page));
        Assert.Single(LayerKernel.Devices);
        Assert.Equal(0, _component.Call(11, memory, 3 * Page));
        Assert.Equal(0, _component.Call(Unmap, Number, 0, 4ul << 30));
        Assert.Empty(LayerKernel.Devices);
    }

    [Fact]
    public void What_is_not_memory_for_devices_is_refused_and_nothing_of_it_is_mapped()
    {
        ulong memory = (ulong)_component.Call(Allocate, 2 * Page)!.Value;
        ulong own = _component.Allocate(Page);
        _component.Write(own, 1);
        Assert.Equal(Errno.Fault, _component.Call(Map, Number, own, Page, 0, 3));
        Assert.Equal(Errno.Fault, _component.Call(Map, Number, Component.FileAddress, Page, 0, 1));
        Assert.Equal(Errno.Fault, _component.Call(Map, Number, memory + Page, 2 * Page, 0, 3));
        Assert.Equal(Errno.Fault, _component.Call(Map, Number, Component.RegionAddress, Component.RegionLength + Page, 0, 3));
        Assert.Equal(Errno.NoDevice, _component.Call(Map, 6, memory, Page, 0, 3));
        Assert.Equal(Errno.Invalid, _component.Call(Map, Number, memory + 1, Page, 0, 3));
        Assert.Equal(Errno.Invalid, _component.Call(Map, Number, memory, 0, 0, 3));
        Assert.Equal(Errno.Invalid, _component.Call(Map, Number, memory, Page, 0, 0));
        Assert.Equal(Errno.Invalid, _component.Call(Map, Number, memory, Page, 0, 4));
        Assert.Equal(Errno.Invalid, _component.Call(Map, Number, memory, Page, 1ul << 48, 1));
        Assert.Equal(Errno.Invalid, _component.Call(Unmap, 1ul << 20, 0, Page));
        Assert.Empty(LayerKernel.Devices);
    }

    [Fact]
    public void Mappings_come_and_go_without_a_loss()
    {
        ulong used = 0;
        for (int round = 0; round < 500; round++)
        {
            ulong memory = (ulong)_component.Call(Allocate, 8 * Page)!.Value;
            Assert.Equal(0, _component.Call(Map, Number, memory, 8 * Page, 0x20_0000, 3));
            *(ulong*)(memory + (7 * Page)) = 1;
            Assert.Equal(0, _component.Call(Unmap, Number, 0x20_0000, 8 * Page));
            Assert.Equal(0, _component.Call(11, memory, 8 * Page));
            Assert.True(round == 0 || used == PageStore.Used);
            used = PageStore.Used;
        }
    }

    [Fact]
    public void More_than_there_is_is_refused_and_costs_nothing()
    {
        ulong available = (PageStore.Total - PageStore.Used) * Page;
        Assert.Equal(Errno.NoMemory, _component.Call(Allocate, available + (4 * Page)));
        ulong memory = (ulong)_component.Call(Allocate, available / 2)!.Value;
        Assert.True(memory > 0 && AddressSpace.Find(memory)->Kind == RegionKind.Dma);
    }

    [Fact]
    public void One_thread_enters_a_guest()
    {
        const ulong Bind = (ulong)LayerRequest.BindGuest;
        LinuxThread* other = _component.Clone();
        Assert.Equal(Errno.NoDevice, _component.Call(other, Bind, Number));
        Assert.Equal(0, _component.Call(other, Bind, 6));
        Assert.Equal((other->Slot, Component.GuestBuffer), LayerKernel.Guests[Component.Guest]);
        Assert.Equal(Errno.Busy, _component.Call(Bind, 6));
    }
}
