using System.Diagnostics;
using Makatea.Drivers.Iommu;
using Makatea.Drivers.Pci;
using Makatea.Platform;

namespace Makatea.Running;

/// <summary>
/// Tries whether the IOMMU protects, before anybody relies on it: the NVMe controller is told to write to a page that it was not granted. The page has to stay as it
/// was, and the unit has to report the controller and the page.
/// </summary>
internal static class ProtectionTrial
{
    private const int PageSize = 4096;
    private const ulong Canary = 0x6d61_6b61_7465_6121;
    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(10);

    // [NVMe-2.1] 3.1.4.
    private const ulong Configuration = 0x14;
    private const ulong Status = 0x1c;
    private const ulong QueueAttributes = 0x24;
    private const ulong SubmissionQueue = 0x28;
    private const ulong CompletionQueue = 0x30;
    private const ulong Doorbell = 0x1000;
    private const uint Enable = 1;
    private const uint EntrySizes = (6 << 16) | (4 << 20);
    private const uint Ready = 1;

    /// <summary>Tries it. The controller is off before and after.</summary>
    /// <returns>What it was kept from, for people to read.</returns>
    /// <exception cref="IOException">It does not protect, or the controller does not work; the message says which.</exception>
    public static string Run(Machine machine, IommuHost iommu, PciHost pci, PciAddress address)
    {
        using DmaMemory outside = machine.Physical.Allocate(PageSize);
        SharedMemory page = outside.View(0, PageSize);
        for (nuint i = 0; i < PageSize; i += sizeof(ulong))
        {
            page.ReleaseUInt64(i, Canary);
        }

        using IommuDomain domain = iommu.CreateDomain();
        domain.Attach(address);
        using DmaMemory queues = domain.Allocate(2 * PageSize);
        using (PciFunction function = pci.Open(address, domain))
        {
            function.SetBusMaster(true);
            Identify(function.MapBar(0), queues, outside.Iova);
            function.Reset();
        }

        for (nuint i = 0; i < PageSize; i += sizeof(ulong))
        {
            if (page.AcquireUInt64(i) != Canary)
            {
                throw new IOException($"the IOMMU does not protect: {address} wrote to page 0x{outside.Iova:x}, which it was not granted. It is not used");
            }
        }

        List<IommuFault> faults = [];
        iommu.TakeFaults(faults);
        int found = faults.FindIndex(f => f.Kind == IommuFaultKind.Dma && f.Device == address && f.Address == outside.Iova && f.Access == DmaAccess.Write);
        return found >= 0
            ? $"tried: {faults[found]}"
            : throw new IOException($"the IOMMU did not report that {address} was to write to page 0x{outside.Iova:x}, which it was not granted; it reported {(faults.Count == 0 ? "nothing" : string.Join("; ", faults))}");
    }

    /// <summary>Has the controller write what it is to an address ([NVMe-2.1] 5.1.13), and waits until it says that it has done so or could not.</summary>
    private static void Identify(RegisterSpace registers, DmaMemory queues, ulong target)
    {
        const ulong Command = 0x0006 | (1ul << 16);
        const int FirstPage = 24;
        const int WhatToIdentify = 40;
        const int Phase = 16;
        SharedMemory submission = queues.View(0, PageSize);
        SharedMemory completion = queues.View(PageSize, PageSize);
        submission.ReleaseUInt64(0, Command);
        submission.ReleaseUInt64(FirstPage, target);
        submission.ReleaseUInt64(WhatToIdentify, 1);
        registers.WriteUInt32(Configuration, 0);
        WaitUntil(() => (registers.ReadUInt32(Status) & Ready) == 0, "does not stop");
        registers.WriteUInt32(QueueAttributes, 0x0001_0001);
        registers.WriteUInt64(SubmissionQueue, queues.Iova);
        registers.WriteUInt64(CompletionQueue, queues.Iova + PageSize);
        registers.WriteUInt32(Configuration, Enable | EntrySizes);
        WaitUntil(() => (registers.ReadUInt32(Status) & Ready) != 0, "does not start");
        registers.WriteUInt32(Doorbell, 1);
        WaitUntil(() => ((completion.AcquireUInt64(8) >> 32 >> Phase) & 1) != 0, "does not answer");
    }

    private static void WaitUntil(Func<bool> condition, string otherwise)
    {
        long start = Stopwatch.GetTimestamp();
        while (!condition())
        {
            if (Stopwatch.GetElapsedTime(start) > _patience)
            {
                throw new IOException($"the NVMe controller {otherwise}: {_patience.TotalSeconds:0} s were not enough");
            }

            Thread.Sleep(1);
        }
    }
}
