using Makatea.Vmm.Boot;

namespace Makatea.Vmm.Acpi;

/// <summary>What a device uses or passes on: a list of resource descriptors ([ACPI-6.5] 6.4).</summary>
internal sealed class ResourceTemplate
{
    private const byte Consumer = 1 << 0;
    private const byte EdgeTriggered = 1 << 1;
    private const byte MemoryType = 0;
    private const byte BusType = 2;

    // Of an address space: the device passes it on, and both ends are fixed.
    private const byte FixedProduced = 0x0c;
    private const byte WriteableUncached = 1;

    private readonly List<byte> _bytes = [];

    /// <summary>The template as an object of AML, with its end tag, whose checksum is not used.</summary>
    internal AmlTerm ToTerm() => AmlTerm.Buffer([.. _bytes, 0x79, 0x00]);

    /// <summary>I/O ports at a fixed place (6.4.2.5).</summary>
    internal ResourceTemplate Ports(ushort first, byte count) => Add([0x47, 0x01, .. Bytes(first), .. Bytes(first), 1, count]);

    /// <summary>An interrupt of ISA: edge triggered, active high (6.4.2.1).</summary>
    internal ResourceTemplate IsaInterrupt(int number) => Add([0x22, .. Bytes((ushort)(1 << number))]);

    /// <summary>Memory at a fixed place below 4 GiB (6.4.3.4).</summary>
    internal ResourceTemplate Memory(AddressRange range) => Add([0x86, .. Bytes((ushort)9), 1, .. Bytes((uint)range.First), .. Bytes((uint)range.Length)]);

    /// <summary>An interrupt by its global number: edge triggered, active high, not shared (6.4.3.6).</summary>
    internal ResourceTemplate Interrupt(uint number) => Add([0x89, .. Bytes((ushort)6), Consumer | EdgeTriggered, 1, .. Bytes(number)]);

    /// <summary>Numbers of buses that a host bridge passes on (6.4.3.5.3).</summary>
    internal ResourceTemplate Buses(byte first, byte last) =>
        Add([0x88, .. Bytes((ushort)13), BusType, FixedProduced, 0, .. Bytes((ushort)0), .. Bytes((ushort)first), .. Bytes((ushort)last), .. Bytes((ushort)0), .. Bytes((ushort)(last - first + 1))]);

    /// <summary>Addresses below 4 GiB that a host bridge passes on (6.4.3.5.2).</summary>
    internal ResourceTemplate Window(AddressRange range) =>
        Add([0x87, .. Bytes((ushort)23), MemoryType, FixedProduced, WriteableUncached, .. Bytes(0U), .. Bytes((uint)range.First), .. Bytes((uint)range.Last), .. Bytes(0U), .. Bytes((uint)range.Length)]);

    /// <summary>Addresses that a host bridge passes on (6.4.3.5.1).</summary>
    internal ResourceTemplate HighWindow(AddressRange range) =>
        Add([0x8a, .. Bytes((ushort)43), MemoryType, FixedProduced, WriteableUncached, .. Bytes(0UL), .. Bytes(range.First), .. Bytes(range.Last), .. Bytes(0UL), .. Bytes(range.Length)]);

    private static byte[] Bytes(ushort value) => BitConverter.GetBytes(value);

    private static byte[] Bytes(uint value) => BitConverter.GetBytes(value);

    private static byte[] Bytes(ulong value) => BitConverter.GetBytes(value);

    private ResourceTemplate Add(ReadOnlySpan<byte> descriptor)
    {
        _bytes.AddRange(descriptor);
        return this;
    }
}
