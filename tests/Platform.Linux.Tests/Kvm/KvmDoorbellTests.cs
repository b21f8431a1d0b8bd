using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace Makatea.Platform.Linux.Tests;

/// <summary>A guest's write rings a doorbell without an exit.</summary>
public sealed class KvmDoorbellTests : IDisposable
{
    private readonly LinuxHost _host = new();
    private readonly Doorbell _doorbell;
    private readonly Doorbell _other;
    private readonly DoorbellWaiter _waiter;

    public KvmDoorbellTests()
    {
        _doorbell = _host.CreateDoorbell();
        _other = _host.CreateDoorbell();
        _waiter = _host.CreateWaiter();
        _waiter.Add(_doorbell, 0);
        _waiter.Add(_other, 1);
    }

    [SkippableTheory]
    [InlineData(4)]
    [InlineData(0)]
    public void A_store_rings_and_does_not_exit(int width)
    {
        using TinyGuest guest = Storing();
        using IDisposable attached = guest.Machine.AttachDoorbell(new(false, TinyGuest.NowhereAddress, width), _doorbell);
        guest.RunTo(VmExitKind.Halt);
        Assert.Equal(1ul, Rung());
    }

    [SkippableFact]
    public void Values_ring_different_doorbells_and_others_exit()
    {
        using TinyGuest guest = TinyGuest.Protected(a =>
        {
            a.mov(__dword_ptr[TinyGuest.NowhereAddress], 1);
            a.hlt();
            a.mov(__dword_ptr[TinyGuest.NowhereAddress], 2);
            a.hlt();
            a.mov(__dword_ptr[TinyGuest.NowhereAddress], 3);
            a.mov(__byte_ptr[TinyGuest.NowhereAddress], 1);
            a.mov(eax, __dword_ptr[TinyGuest.NowhereAddress]);
            a.hlt();
        });
        using IDisposable one = guest.Machine.AttachDoorbell(new(false, TinyGuest.NowhereAddress, 4, 1), _doorbell);
        using IDisposable two = guest.Machine.AttachDoorbell(new(false, TinyGuest.NowhereAddress, 4, 2), _other);
        guest.RunTo(VmExitKind.Halt);
        Assert.Equal(1ul, Rung());
        guest.RunTo(VmExitKind.Halt);
        Assert.Equal(2ul, Rung());
        Assert.Equal(3ul, guest.RunTo(VmExitKind.Mmio).Value);
        Assert.Equal(1, guest.RunTo(VmExitKind.Mmio).Width);
        Assert.False(guest.RunTo(VmExitKind.Mmio).IsWrite);
        guest.RunTo(VmExitKind.Halt);
        Assert.Equal(0ul, Rung());
    }

    [SkippableFact]
    public void An_out_rings_and_an_in_exits()
    {
        using TinyGuest guest = TinyGuest.Real(a =>
        {
            a.mov(dx, 0xc010);
            a.mov(ax, 7);
            a.@out(dx, ax);
            a.@in(ax, dx);
            a.mov(ax, 8);
            a.@out(dx, ax);
            a.hlt();
        });
        using IDisposable attached = guest.Machine.AttachDoorbell(new(true, 0xc010, 2, 7), _doorbell);
        Assert.False(guest.RunTo(VmExitKind.Port).IsWrite);
        Assert.Equal(1ul, Rung());
        Assert.Equal(8ul, guest.RunTo(VmExitKind.Port).Value);
        guest.RunTo(VmExitKind.Halt);
        Assert.Equal(0ul, Rung());
    }

    [SkippableFact]
    public void Detached_it_exits_again_and_can_be_attached_anew()
    {
        using TinyGuest guest = Storing();
        DoorbellTrigger trigger = new(false, TinyGuest.NowhereAddress, 4);
        for (int i = 0; i < 20; i++)
        {
            IDisposable attached = guest.Machine.AttachDoorbell(trigger, _doorbell);
            Assert.Contains("another doorbell", Assert.Throws<IOException>(() => guest.Machine.AttachDoorbell(trigger, _other)).Message);
            guest.RunTo(VmExitKind.Halt);
            Assert.Equal(1ul, Rung());
            attached.Dispose();
            attached.Dispose();
            guest.RunTo(VmExitKind.Mmio);
            guest.RunTo(VmExitKind.Halt);
            Assert.Equal(0ul, Rung());
        }
    }

    [SkippableFact]
    public void A_doorbell_or_machine_that_is_gone_first_does_no_harm()
    {
        IDisposable attached;
        using (TinyGuest guest = Storing())
        {
            Doorbell shortLived = _host.CreateDoorbell();
            attached = guest.Machine.AttachDoorbell(new(false, TinyGuest.NowhereAddress, 4), shortLived);
            shortLived.Dispose();
            guest.RunTo(VmExitKind.Halt);
        }

        attached.Dispose();
    }

    [SkippableTheory]
    [InlineData(false, 0x1000ul, 3, null)]
    [InlineData(false, 0x1000ul, 0, 1ul)]
    [InlineData(false, 0x1000ul, 1, 256ul)]
    [InlineData(true, 0x1000ul, 8, null)]
    [InlineData(true, 0x10000ul, 1, null)]
    public void What_is_no_trigger_is_refused(bool isPort, ulong address, int width, ulong? value)
    {
        using TinyGuest guest = TinyGuest.Real(a => a.hlt());
        Assert.Throws<ArgumentException>(() => guest.Machine.AttachDoorbell(new(isPort, address, width, value), _doorbell));
    }

    public void Dispose()
    {
        _waiter.Dispose();
        _other.Dispose();
        _doorbell.Dispose();
    }

    private static TinyGuest Storing() => TinyGuest.Protected(a =>
    {
        Label again = a.CreateLabel();
        a.Label(ref again);
        a.mov(__dword_ptr[TinyGuest.NowhereAddress], 0);
        a.hlt();
        a.jmp(again);
    });

    /// <summary>A bit for each doorbell that was rung since the last time.</summary>
    private ulong Rung() => _waiter.Wait(0);
}
