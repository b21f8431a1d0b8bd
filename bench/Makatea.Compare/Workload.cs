using System.Diagnostics;
using Makatea.Virtio.Testing;

namespace Makatea.Compare;

/// <summary>The front end's side of a scenario: keeps every queue at its depth and polls, on the thread that runs it.</summary>
internal sealed class Workload
{
    private const int BlockSize = 4096;

    private readonly Scenario _scenario;
    private readonly VirtioBlkDriver _driver;
    private readonly ulong _blocks;
    private readonly GuestSegment[][] _data;
    private readonly BlkRequest[] _requests;
    private readonly BlkResult[] _results;
    private ulong _random = 0x9e37_79b9_7f4a_7c15;

    public Workload(Scenario scenario, VirtioBlkDriver driver)
    {
        _scenario = scenario;
        _driver = driver;
        _blocks = driver.Config.Capacity / (BlockSize / 512);
        _data = [.. driver.Queues.Select(_ => Enumerable.Range(0, scenario.Depth).Select(_ => driver.Arena.Allocate(BlockSize, BlockSize).AsElement()).ToArray())];
        _requests = new BlkRequest[scenario.Depth];
        _results = new BlkResult[scenario.Depth];
    }

    /// <summary>Memory that the driver needs in bytes.</summary>
    public static ulong MemoryFor(Scenario scenario) => (ulong)(scenario.Depth * scenario.Queues * BlockSize) + (4 << 20);

    /// <summary>Runs for a time and leaves nothing outstanding.</summary>
    /// <param name="duration">How long requests are sent.</param>
    /// <param name="elapsed">How long it took until all had ended.</param>
    /// <returns>Number of requests that ended.</returns>
    public long Run(TimeSpan duration, out TimeSpan elapsed)
    {
        long start = Stopwatch.GetTimestamp();
        long deadline = start + (long)(duration.TotalSeconds * Stopwatch.Frequency);
        for (int queue = 0; queue < _data.Length; queue++)
        {
            for (uint slot = 0; slot < _scenario.Depth; slot++)
            {
                _requests[slot] = Next(queue, slot);
            }

            Submit(queue, _scenario.Depth);
        }

        long done = 0;
        int outstanding = _scenario.Depth * _data.Length;
        uint turns = 0;
        bool ending = false;
        while (outstanding != 0)
        {
            for (int queue = 0; queue < _data.Length; queue++)
            {
                int count = _driver.Queues[queue].Poll(_results);
                if (count == 0)
                {
                    continue;
                }

                done += count;
                for (int i = 0; i < count; i++)
                {
                    Check(_results[i]);
                    _requests[i] = Next(queue, _results[i].Token);
                }

                if (ending)
                {
                    outstanding -= count;
                }
                else
                {
                    Submit(queue, count);
                }
            }

            // The clock costs as much as several looks at the ring.
            if ((++turns & 63) == 0)
            {
                long now = Stopwatch.GetTimestamp();
                ending = now >= deadline;
                if (now > deadline + (10 * Stopwatch.Frequency))
                {
                    throw new TimeoutException($"{_scenario}: {outstanding} requests did not end within 10 s");
                }
            }
        }

        elapsed = Stopwatch.GetElapsedTime(start);
        return done;
    }

    private BlkRequest Next(int queue, uint slot)
    {
        // xorshift64: good enough to spread over the disk, and costs nothing.
        _random ^= _random << 13;
        _random ^= _random >> 7;
        _random ^= _random << 17;
        ulong block = (ulong)(((UInt128)_random * _blocks) >> 64);
        return new BlkRequest(_scenario.Operation, block * (BlockSize / 512), _data[queue][slot], slot);
    }

    private void Submit(int queue, int count)
    {
        if (_driver.Queues[queue].Submit(_requests.AsSpan(0, count)) != count)
        {
            throw new InvalidOperationException($"{_scenario}: the ring is too small");
        }
    }

    private void Check(in BlkResult result)
    {
        if (result.Status != BlkStatus.Ok)
        {
            throw new InvalidOperationException($"{_scenario}: a request ended with {result.Status}");
        }
    }
}
