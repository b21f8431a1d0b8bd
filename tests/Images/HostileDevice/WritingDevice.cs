using Makatea.Platform;

namespace Makatea.HostileDevice;

/// <summary>Just enough of NVMe to have a controller write to an address: the admin queue, polled, and Identify ([NVMe-2.1] 3.1 and 5.1.13).</summary>
internal sealed class WritingDevice : IDisposable
{
    private const int Entries = 8;
    private const int PageSize = 4096;
    private const uint Enabled = 1 | (6 << 16) | (4 << 20);
    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(10);

    private readonly RegisterSpace _registers;
    private readonly DmaMemory _queues;
    private readonly ulong _completionDoorbell;
    private uint _commands;

    public WritingDevice(PciFunction function)
    {
        _registers = function.MapBar(0);
        _queues = function.Dma.Allocate(2 * PageSize);
        _completionDoorbell = 0x1000 + (4ul << (int)((_registers.ReadUInt64(0) >> 32) & 15));
        function.SetBusMaster(true);
        _registers.WriteUInt32(0x14, 0);
        WaitFor(() => (_registers.ReadUInt32(0x1c) & 1) == 0);
        _registers.WriteUInt32(0x24, (Entries - 1) | ((Entries - 1) << 16));
        _registers.WriteUInt64(0x28, _queues.Iova);
        _registers.WriteUInt64(0x30, _queues.Iova + PageSize);
        _registers.WriteUInt32(0x14, Enabled);
        WaitFor(() => (_registers.ReadUInt32(0x1c) & 1) == 1);
    }

    /// <summary>Has the controller write its identity to an address.</summary>
    /// <returns>The status, 0 where it did.</returns>
    public uint Write(ulong address)
    {
        uint slot = _commands % Entries;
        uint phase = (_commands / Entries % 2) ^ 1;
        SharedMemory entry = _queues.View(slot * 64, 64);
        entry.ReleaseUInt32(0, 6 | (_commands << 16));
        entry.ReleaseUInt64(24, address);
        entry.ReleaseUInt32(40, 1);
        _commands++;
        _registers.WriteUInt32(0x1000, _commands % Entries);
        SharedMemory completion = _queues.View(PageSize + (slot * 16), 16);
        WaitFor(() => ((completion.AcquireUInt32(12) >> 16) & 1) == phase);
        uint status = completion.AcquireUInt32(12) >> 17;
        _registers.WriteUInt32(_completionDoorbell, _commands % Entries);
        return status;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _registers.WriteUInt32(0x14, 0);
        _queues.Dispose();
    }

    private static void WaitFor(Func<bool> isThere)
    {
        long started = TimeProvider.System.GetTimestamp();
        while (!isThere())
        {
            if (TimeProvider.System.GetElapsedTime(started) > _patience)
            {
                throw new TimeoutException("the controller does not answer");
            }

            Thread.Yield();
        }
    }
}
