using System.Globalization;
using System.Text.RegularExpressions;
using Makatea.Drivers.Iommu.Registers;
using Makatea.Platform;

namespace Makatea.Drivers.Iommu.Tests;

/// <summary>Interrupts of a device model behind QEMU's VT-d, seen in the interrupt request register of QEMU's local APIC.</summary>
[Trait("Category", "Device")]
public sealed partial class InterruptTests
{
    private const byte Vector = 0x51;
    private const byte OtherVector = 0x52;

    [SkippableFact]
    public void A_device_raises_its_own_vector()
    {
        using VtdBed bed = VtdBed.Start();
        using IommuDomain domain = bed.Iommu.CreateDomain();
        using EduDevice edu = bed.Attach(domain);
        Assert.True(bed.Iommu.ProtectsInterrupts);
        using InterruptMessage message = bed.Iommu.Remap(edu.Address, new ProcessorMessage(Vector));
        edu.Send(message.Address, message.Data);
        Assert.Equal([Vector], Requested(bed));
        Assert.Empty(bed.TakeFaults());
    }

    [SkippableFact]
    public void A_device_cannot_raise_another_s_vector()
    {
        using VtdBed bed = VtdBed.Start(devices: 2);
        using IommuDomain domain = bed.Iommu.CreateDomain();
        using EduDevice mine = bed.Attach(domain, 0);
        using EduDevice thief = bed.Attach(domain, 1);
        using InterruptMessage message = bed.Iommu.Remap(mine.Address, new ProcessorMessage(Vector));
        using InterruptMessage thiefs = bed.Iommu.Remap(thief.Address, new ProcessorMessage(OtherVector));
        Assert.NotEqual(message.Address, thiefs.Address);
        thief.Send(message.Address, message.Data);
        Assert.Empty(Requested(bed));
        thief.Send(thiefs.Address, thiefs.Data);
        Assert.Equal([OtherVector], Requested(bed));
        mine.Send(message.Address, message.Data);
        Assert.Equal([Vector, OtherVector], Requested(bed));
    }

    [SkippableFact]
    public void A_message_that_was_given_up_raises_nothing()
    {
        using VtdBed bed = VtdBed.Start();
        using IommuDomain domain = bed.Iommu.CreateDomain();
        using EduDevice edu = bed.Attach(domain);
        InterruptMessage message = bed.Iommu.Remap(edu.Address, new ProcessorMessage(Vector));
        using InterruptMessage second = bed.Iommu.Remap(edu.Address, new ProcessorMessage(OtherVector));

        // The unit has the entry cached by now.
        edu.Send(second.Address, second.Data);
        message.Dispose();
        message.Dispose();
        edu.Send(message.Address, message.Data);
        Assert.Equal([OtherVector], Requested(bed));

        // The entry is used again, by its new owner.
        using InterruptMessage third = bed.Iommu.Remap(edu.Address, new ProcessorMessage(Vector));
        Assert.Equal(message.Address, third.Address);
        edu.Send(third.Address, third.Data);
        Assert.Equal([Vector, OtherVector], Requested(bed));
    }

    [SkippableFact]
    public void Messages_that_no_entry_is_for_raise_nothing()
    {
        using VtdBed bed = VtdBed.Start();
        using IommuDomain domain = bed.Iommu.CreateDomain();
        using EduDevice edu = bed.Attach(domain);
        using InterruptMessage message = bed.Iommu.Remap(edu.Address, new ProcessorMessage(Vector));
        foreach (ulong index in (ulong[])[1, 1023, 1024, 0x7fff])
        {
            edu.Send(0xfee0_0010 | (index << 5), 0);
        }

        edu.Send(message.Address | (1 << 3), 1); // With a sub-handle that leads to the next entry.
        Assert.Empty(Requested(bed));
    }

    /// <summary>Messages of the processor's own format pass only while CFIS is set ([VT-d-4.1] 5.1.4).</summary>
    [SkippableFact]
    public void The_unit_is_told_to_block_messages_of_the_processor_s_own_format()
    {
        using VtdBed bed = VtdBed.Start();
        bed.Abandon();
        RegisterSpace registers = bed.Machine.MapRegisters(VtdBed.UnitBase, VtdRegisters.PageLength);
        uint on = registers.ReadUInt32(VtdRegisters.GlobalStatus) & VtdRegisters.Global.Lasting;
        registers.WriteUInt32(VtdRegisters.GlobalCommand, on | VtdRegisters.Global.CompatibilityInterrupts);
        using IommuHost again = IommuHost.Open(bed.Machine);
        uint status = registers.ReadUInt32(VtdRegisters.GlobalStatus) & VtdRegisters.Global.Lasting;
        Assert.Equal(VtdRegisters.Global.Translation | VtdRegisters.Global.QueuedInvalidation | VtdRegisters.Global.InterruptRemapping, status);
    }

    [SkippableFact]
    public void A_message_of_the_processor_s_own_format_is_blocked()
    {
        using VtdBed bed = VtdBed.Start();
        using IommuDomain domain = bed.Iommu.CreateDomain();
        using EduDevice edu = bed.Attach(domain);
        edu.Send(0xfee0_0000, Vector);
        List<byte> requested = Requested(bed);
        Skip.If(requested.SequenceEqual([Vector]), "this QEMU's model of VT-d lets messages of the processor's own format pass whatever it is told, as 7.2 does: install a newer qemu-system-x86");
        Assert.Empty(requested);
        IommuFault fault = Assert.Single(bed.TakeFaults());
        Assert.Equal((IommuFaultKind.Interrupt, edu.Address, 0x25), (fault.Kind, fault.Device, fault.Reason));
    }

    /// <summary>Plain DMA to the addresses of messages is a message ([VT-d-4.1] 3.15), however the device was made to send it.</summary>
    [SkippableFact]
    public void DMA_to_the_addresses_of_messages_is_no_DMA()
    {
        using VtdBed bed = VtdBed.Start();
        using IommuDomain domain = bed.Iommu.CreateDomain();
        using DmaMemory memory = domain.Allocate(4096);
        using EduDevice edu = bed.Attach(domain);
        using InterruptMessage message = bed.Iommu.Remap(edu.Address, new ProcessorMessage(Vector));
        edu.Load(memory.Iova, 4);
        edu.Store(message.Address + 32, 4); // The next entry, which is not in use.
        Assert.Empty(Requested(bed));
        edu.Store(message.Address, 4);
        Assert.Equal([Vector], Requested(bed));
    }

    [SkippableFact]
    public void The_unit_tells_of_faults_by_a_message_of_its_own()
    {
        using VtdBed bed = VtdBed.Start();
        using IommuDomain domain = bed.Iommu.CreateDomain();
        using EduDevice edu = bed.Attach(domain);
        using var message = new ProcessorMessage(Vector);
        bed.Iommu.SetFaultMessage(message);
        Assert.Empty(Requested(bed));
        edu.Store(0x5000_0000);
        Assert.Equal([Vector], Requested(bed));
        Assert.Single(bed.TakeFaults());
    }

    [SkippableFact]
    public void What_processors_take_for_commands_cannot_be_remapped()
    {
        using VtdBed bed = VtdBed.Start();
        PciAddress device = new(0, 0, 4, 0);
        foreach (uint data in (uint[])[0x02, 0xff, 0x251, 0x451, 0x551, 0x8051])
        {
            Assert.Throws<ArgumentException>(() => bed.Iommu.Remap(device, new ProcessorMessage(data)));
        }

        Assert.Throws<IommuException>(() => bed.Iommu.Remap(new(1, 0, 4, 0), new ProcessorMessage(Vector)));
    }

    [SkippableFact]
    public void Entries_of_the_table_run_out_and_come_back()
    {
        using VtdBed bed = VtdBed.Start();
        PciAddress device = new(0, 0, 4, 0);
        InterruptMessage[] messages = [.. Enumerable.Range(0, 1024).Select(_ => bed.Iommu.Remap(device, new ProcessorMessage(Vector)))];
        Assert.Equal(1024, messages.DistinctBy(m => m.Address).Count());
        IommuException e = Assert.Throws<IommuException>(() => bed.Iommu.Remap(device, new ProcessorMessage(Vector)));
        Assert.Contains("all 1024 entries", e.Message, StringComparison.Ordinal);
        messages[700].Dispose();
        Assert.Equal(messages[700].Address, bed.Iommu.Remap(device, new ProcessorMessage(Vector)).Address);
    }

    /// <summary>Vectors that the processor was asked for.</summary>
    private static List<byte> Requested(VtdBed bed)
    {
        string text = bed.Machine.Monitor.ExecuteHuman("info lapic");
        Match match = RequestRegister().Match(text);
        Assert.True(match.Success, text);
        return [.. match.Groups[1].Captures.Select(c => byte.Parse(c.Value, CultureInfo.InvariantCulture)).Order()];
    }

    [GeneratedRegex(@"^IRR\s+(?:\(none\)|(?:(\d+)\S*\s*)+)\s*$", RegexOptions.Multiline)]
    private static partial Regex RequestRegister();
}
