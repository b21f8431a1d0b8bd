using System.Text;
using Makatea.Platform;
using Makatea.Platform.Linux;

namespace Makatea.VfioProbe;

/// <summary>Just enough of NVMe to see that registers, DMA and interrupts work: the admin queue and Identify ([NVMe-2.1] 3.1, 5.1.13).</summary>
internal sealed class NvmeController : IDisposable
{
    private const int Entries = 8;
    private const int PageSize = 4096;
    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(10);

    private readonly RegisterSpace _registers;
    private readonly DmaMemory _queues;
    private readonly DoorbellWaiter _waiter = new LinuxHost().CreateWaiter();
    private readonly ulong _completionDoorbell;
    private uint _tail;

    /// <summary>Switches the controller on, with one interrupt vector.</summary>
    public NvmeController(PciFunction function)
    {
        _registers = function.MapBar(0);
        _queues = function.Dma.Allocate(2 * PageSize);
        _completionDoorbell = 0x1000 + (4ul << (int)((_registers.ReadUInt64(0) >> 32) & 15));
        _waiter.Add(function.EnableInterrupts(1).Vectors[0], 0);
        function.SetBusMaster(true);
        _registers.WriteUInt32(0x14, 0);
        WaitForReady(0);
        _registers.WriteUInt32(0x24, (Entries - 1) | ((Entries - 1) << 16));
        _registers.WriteUInt64(0x28, _queues.Iova);
        _registers.WriteUInt64(0x30, _queues.Iova + PageSize);
        _registers.WriteUInt32(0x14, 1 | (6 << 16) | (4 << 20));
        WaitForReady(1);
    }

    /// <summary>Version, from its register.</summary>
    public uint Version => _registers.ReadUInt32(8);

    /// <summary>Asks for the controller's data, to be written to a device address. At most as often as there are entries.</summary>
    /// <returns>The status code, 0 for success; or -1 where no interrupt came.</returns>
    public int Identify(ulong iova)
    {
        SharedMemory entry = _queues.View(_tail * 64, 64);
        entry.ReleaseUInt32(0, 6 | (_tail << 16));
        entry.ReleaseUInt64(24, iova);
        entry.ReleaseUInt32(40, 1);
        uint slot = _tail++;
        _registers.WriteUInt32(0x1000, _tail % Entries);
        long deadline = TimeProvider.System.GetTimestamp() + (long)(_patience.TotalSeconds * TimeProvider.System.TimestampFrequency);
        if (_waiter.Wait(deadline) != 1)
        {
            return -1;
        }

        uint status = _queues.View(PageSize + (slot * 16), 16).AcquireUInt32(12) >> 16;
        _registers.WriteUInt32(_completionDoorbell, _tail % Entries);
        return (status & 1) == 1 ? (int)(status >> 1) & 0x7ff : throw new InvalidOperationException("an interrupt came and no completion");
    }

    /// <summary>The serial number in the controller's data.</summary>
    public static string Serial(DmaMemory data) => Encoding.ASCII.GetString(data.Slice(4, 20).AsSpan()).TrimEnd();

    /// <inheritdoc/>
    public void Dispose()
    {
        _registers.WriteUInt32(0x14, 0);
        WaitForReady(0);
        _waiter.Dispose();
        _queues.Dispose();
    }

    private void WaitForReady(uint ready)
    {
        long started = TimeProvider.System.GetTimestamp();
        while ((_registers.ReadUInt32(0x1c) & 1) != ready)
        {
            if (TimeProvider.System.GetElapsedTime(started) > _patience)
            {
                throw new TimeoutException($"the controller did not become {(ready == 1 ? "ready" : "idle")}");
            }

            Thread.Sleep(1);
        }
    }
}
