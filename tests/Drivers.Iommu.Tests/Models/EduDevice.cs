using System.Diagnostics;
using Makatea.Platform;

namespace Makatea.Drivers.Iommu.Tests;

/// <summary>QEMU's "edu" device: a buffer of 4 KiB that is filled from memory and emptied into memory on command, to any address whatever.</summary>
internal sealed class EduDevice(PciFunction function, RegisterSpace ports) : IDisposable
{
    private const ulong Buffer = 0x40000;
    private const ulong Source = 0x80;
    private const ulong Target = 0x88;
    private const ulong Count = 0x90;
    private const ulong Command = 0x98;
    private const ulong Run = 1;
    private const ulong ToMemory = 2;
    private readonly RegisterSpace _registers = function.MapBar(0);

    internal PciAddress Address => function.Address;

    /// <summary>Reads memory into the buffer.</summary>
    internal void Load(ulong iova, int count = 8) => Transfer(iova, Buffer, count, Run);

    /// <summary>Writes the buffer to memory.</summary>
    internal void Store(ulong iova, int count = 8) => Transfer(Buffer, iova, count, Run | ToMemory);

    /// <summary>Sends an interrupt message, whosever it is: a device writes what it likes, whatever its driver programmed.</summary>
    internal void Send(ulong address, uint data)
    {
        const ulong Raise = 0x60;
        const ulong Acknowledge = 0x64;
        int capability = function.FindCapability(PciCapabilityId.Msi);
        WriteConfig(capability + 4, (uint)address);
        WriteConfig(capability + 8, (uint)(address >> 32));
        WriteConfig(capability + 12, data);
        WriteConfig(capability, function.ReadConfig(capability, 4) | (1 << 16));
        _registers.WriteUInt32(Raise, 1);
        _registers.WriteUInt32(Acknowledge, 1);
    }

    public void Dispose() => function.Dispose();

    /// <summary>Past the guard that keeps drivers from message addresses.</summary>
    private void WriteConfig(int offset, uint value)
    {
        ports.WriteUInt32(0xcf8, 0x8000_0000 | ((uint)function.Address.RequesterId << 8) | (uint)offset);
        ports.WriteUInt32(0xcfc, value);
    }

    private void Transfer(ulong from, ulong to, int count, ulong command)
    {
        _registers.WriteUInt64(Source, from);
        _registers.WriteUInt64(Target, to);
        _registers.WriteUInt64(Count, (ulong)count);
        _registers.WriteUInt64(Command, command);
        var waited = Stopwatch.StartNew();
        while ((_registers.ReadUInt64(Command) & Run) != 0)
        {
            Assert.True(waited.Elapsed < TimeSpan.FromSeconds(20), "the device did not end its transfer");
            Thread.Sleep(5);
        }
    }
}
