using System.Diagnostics;
using Makatea.Drivers.Iommu;
using Makatea.Drivers.Pci;
using Makatea.Platform;

namespace Makatea.Running;

/// <summary>
/// Tries whether the IOMMU protects, before anybody relies on it: the adapter is told that its ring for transmitting lies in a page that it was not granted. It has to be kept from reading
/// that, which the unit reports; the descriptor there, which would be marked as done, stays as it was.
/// </summary>
internal static class AdapterTrial
{
    private const int PageSize = 4096;
    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(10);

    // [82574-DS] 10.2: registers, and 7.2.2.1: a descriptor.
    private const ulong TransmitControl = 0x400;
    private const ulong RingLow = 0x3800;
    private const ulong RingHigh = 0x3804;
    private const ulong RingLength = 0x3808;
    private const ulong RingHead = 0x3810;
    private const ulong RingTail = 0x3818;
    private const uint Enable = 1 << 1;
    private const uint RingBytes = 128;
    private const ulong EndOfPacket = 1ul << 24;
    private const ulong ReportStatus = 1ul << 27;
    private const ulong FrameLength = 60;
    private const ulong Done = 1ul << 32;

    /// <summary>Tries it. The adapter is off before and after.</summary>
    /// <returns>What it was kept from, for people to read.</returns>
    /// <exception cref="IOException">It does not protect, or the adapter does not work; the message says which.</exception>
    public static string Run(Machine machine, IommuHost iommu, PciHost pci, PciAddress address)
    {
        const ulong Descriptor = FrameLength | EndOfPacket | ReportStatus;
        using DmaMemory outside = machine.Physical.Allocate(PageSize);
        SharedMemory page = outside.View(0, PageSize);
        page.ReleaseUInt64(0, outside.Iova + (PageSize / 2));
        page.ReleaseUInt64(sizeof(ulong), Descriptor);
        using IommuDomain domain = iommu.CreateDomain();
        domain.Attach(address);
        List<IommuFault> faults = [];
        using (PciFunction function = pci.Open(address, domain))
        {
            function.SetBusMaster(true);
            RegisterSpace registers = function.MapBar(0);
            registers.WriteUInt32(RingLow, (uint)outside.Iova);
            registers.WriteUInt32(RingHigh, (uint)(outside.Iova >> 32));
            registers.WriteUInt32(RingLength, RingBytes);
            registers.WriteUInt32(RingHead, 0);
            registers.WriteUInt32(RingTail, 0);
            registers.WriteUInt32(TransmitControl, Enable);
            registers.WriteUInt32(RingTail, 1);
            long start = Stopwatch.GetTimestamp();
            while (!faults.Exists(IsExpected) && page.AcquireUInt64(sizeof(ulong)) == Descriptor && Stopwatch.GetElapsedTime(start) < _patience)
            {
                Thread.Sleep(1);
                iommu.TakeFaults(faults);
            }

            function.Reset();
        }

        ulong descriptor = page.AcquireUInt64(sizeof(ulong));
        if (descriptor != Descriptor)
        {
            throw new IOException($"the IOMMU does not protect: {address} {((descriptor & Done) != 0 ? "took a frame from" : "wrote to")} page 0x{outside.Iova:x}, which it was not granted. It is not used");
        }

        int found = faults.FindIndex(IsExpected);
        return found >= 0
            ? $"tried: {faults[found]}"
            : throw new IOException($"the IOMMU did not report that {address} was to read page 0x{outside.Iova:x}, which it was not granted; it reported {(faults.Count == 0 ? "nothing" : string.Join("; ", faults))}");

        bool IsExpected(IommuFault f) => f.Kind == IommuFaultKind.Dma && f.Device == address && f.Address == outside.Iova && f.Access == DmaAccess.Read;
    }
}
