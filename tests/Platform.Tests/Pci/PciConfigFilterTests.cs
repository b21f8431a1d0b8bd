using System.Buffers.Binary;

namespace Makatea.Platform.Tests;

/// <summary>What of configuration space may be written, whatever a function says that it has.</summary>
public sealed class PciConfigFilterTests
{
    private readonly byte[] _space = new byte[PciConfig.Length];

    [Fact]
    public void The_header_is_kept_but_for_what_does_no_harm()
    {
        var filter = Filter();
        Assert.Equal(0u, filter.Mask(0, 4));
        Assert.Equal(0u, filter.Mask(PciConfig.Command, 2) & (PciConfig.CommandPorts | PciConfig.CommandMemory | PciConfig.CommandBusMaster));
        Assert.NotEqual(0u, filter.Mask(PciConfig.Command, 2) & PciConfig.CommandNoPinInterrupt);
        Assert.Equal(0xffffu, filter.Mask(PciConfig.Status, 2));
        Assert.Equal(0xffffu, filter.Mask(0x0c, 4));
        for (int offset = 0x10; offset < 4096; offset += 4)
        {
            Assert.Equal(0u, filter.Mask(offset, 4));
        }

        Assert.Equal(0u, filter.Mask(-4, 4));
    }

    [Fact]
    public void Capabilities_open_their_own_and_no_more()
    {
        Capability(0x34, 0x40);
        Capability(0x40, 0x50, (byte)PciCapabilityId.Express);
        Capability(0x50, 0x60, 0x09, 12);
        Capability(0x60, 0x80, (byte)PciCapabilityId.MsiX);
        Capability(0x80, 0, (byte)PciCapabilityId.PowerManagement);
        PciConfigFilter filter = Filter();

        // Of device control all but the reset.
        Assert.Equal(0x7fffu, filter.Mask(0x48, 2));
        Assert.Equal(0u, filter.Mask(0x44, 4) | filter.Mask(0x4c, 4));
        Assert.Equal(0xff00_0000u, filter.Mask(0x50, 4));
        Assert.Equal(uint.MaxValue, filter.Mask(0x58, 4));
        Assert.Equal(0u, filter.Mask(0x5c, 4) | filter.Mask(0x60, 4) | filter.Mask(0x64, 4) | filter.Mask(0x84, 4));
    }

    [Theory]
    [InlineData(0x50, 0x60)] // the messages come after what overlaps them
    [InlineData(0x60, 0x50)]
    public void A_capability_over_another_opens_nothing_of_it(byte first, byte second)
    {
        // Vendor-specific, 255 bytes long, and MSI inside it.
        Capability(0x34, first);
        Capability(first, second, first == 0x50 ? (byte)0x09 : (byte)PciCapabilityId.Msi, 255);
        Capability(second, 0, second == 0x50 ? (byte)0x09 : (byte)PciCapabilityId.Msi, 255);
        PciConfigFilter filter = Filter();
        Assert.Equal(uint.MaxValue, filter.Mask(0x54, 4));
        for (int offset = 0x60; offset < 0x78; offset += 4)
        {
            Assert.Equal(0u, filter.Mask(offset, 4));
        }
    }

    [Theory]
    [InlineData(0x40)] // itself
    [InlineData(0x00)]
    [InlineData(0x10)] // into the header
    [InlineData(0xfc)]
    public void A_list_that_goes_astray_opens_nothing_of_the_header(byte next)
    {
        Capability(0x34, 0x40);
        Capability(0x40, next, 0x09, 8);
        Capability(0xfc, 0x40, (byte)PciCapabilityId.Express);
        PciConfigFilter filter = Filter();
        for (int offset = 0x10; offset < 0x40; offset += 4)
        {
            Assert.Equal(0u, filter.Mask(offset, 4));
        }

        Assert.Equal(uint.MaxValue, filter.Mask(0x44, 4));
    }

    private void Capability(byte at, byte next, byte id = 0, byte length = 0)
    {
        _space[PciConfig.Status] = (byte)PciConfig.StatusCapabilities;
        if (at == PciConfig.CapabilitiesPointer)
        {
            _space[at] = next;
            return;
        }

        _space[at] = id;
        _space[at + 1] = next;
        _space[at + 2] = length;
    }

    private PciConfigFilter Filter() => new((offset, width) => width switch
    {
        1 => _space[offset],
        2 => BinaryPrimitives.ReadUInt16LittleEndian(_space.AsSpan(offset)),
        _ => BinaryPrimitives.ReadUInt32LittleEndian(_space.AsSpan(offset)),
    });
}
