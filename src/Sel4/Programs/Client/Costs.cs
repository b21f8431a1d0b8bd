using Makatea.Platform;
using Makatea.Virtio.Testing;

namespace Makatea.Sel4.Programs;

/// <summary>What things cost, in nanoseconds and cycles of the time-stamp counter: medians, as others run beside.</summary>
/// <param name="host">Where this runs.</param>
/// <param name="ticksPerMicrosecond">Of the time-stamp counter.</param>
internal sealed class Costs(ComponentHost host, ulong ticksPerMicrosecond)
{
    private const int Rounds = 2000;
    private readonly long[] _times = new long[Rounds];

    /// <summary>A ring to another thread of this component and one back, both asleep in between.</summary>
    public string Doorbells()
    {
        using Doorbell there = host.CreateDoorbell();
        using Doorbell back = host.CreateDoorbell();
        using DoorbellWaiter here = host.CreateWaiter();
        here.Add(back, 0);
        _ = here.Wait(0);
        bool ended = false;
        Thread echo = new(() =>
        {
            using DoorbellWaiter waiter = host.CreateWaiter();
            waiter.Add(there, 0);
            while (true)
            {
                _ = waiter.Wait(DoorbellWaiter.Forever);
                if (Volatile.Read(ref ended))
                {
                    return;
                }

                back.Ring();
            }
        });
        echo.Start();
        _ = here.Wait(TimeProvider.System.GetTimestamp() + (TimeProvider.System.TimestampFrequency / 5));
        for (int i = 0; i < Rounds; i++)
        {
            long started = TimeProvider.System.GetTimestamp();
            there.Ring();
            _ = here.Wait(DoorbellWaiter.Forever);
            _times[i] = TimeProvider.System.GetTimestamp() - started;
        }

        Volatile.Write(ref ended, true);
        there.Ring();
        echo.Join();
        return Median("doorbell round trip");
    }

    /// <summary>A call that the operating system below does nothing for: on seL4, a trap into the layer.</summary>
    public string SystemCall()
    {
        for (int i = 0; i < Rounds; i++)
        {
            long started = TimeProvider.System.GetTimestamp();
            _ = Thread.Yield();
            _times[i] = TimeProvider.System.GetTimestamp() - started;
        }

        return Median("system call (sched_yield)");
    }

    /// <summary>Requests of one block, one at a time.</summary>
    public string Requests(GuestDisk disk, BlkRequestType type)
    {
        for (int i = 0; i < Rounds; i++)
        {
            long started = TimeProvider.System.GetTimestamp();
            disk.Submit(type, i % disk.Blocks, 0);
            _ = disk.Wait();
            _times[i] = TimeProvider.System.GetTimestamp() - started;
        }

        return Median($"virtio-blk {type} of {GuestDisk.BlockSize} bytes");
    }

    private string Median(string what)
    {
        Array.Sort(_times);
        double nanoseconds = _times[Rounds / 2] * 1e9 / TimeProvider.System.TimestampFrequency;
        return $"cost: {what}: {nanoseconds:f0} ns, {nanoseconds * ticksPerMicrosecond / 1000:f0} cycles (median of {Rounds}; 99 of 100 within {_times[Rounds * 99 / 100] * 1e9 / TimeProvider.System.TimestampFrequency:f0} ns)";
    }
}
