using Makatea.Platform;
using Makatea.Platform.Linux;
using Microsoft.Win32.SafeHandles;

namespace Makatea.SandboxProbe;

/// <summary>The work of a storage domain: a granted file as a block device, sealed once the queue is open.</summary>
internal static class Disk
{
    private const int Sectors = 8;
    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(20);

    public static IEnumerable<(string Name, string Result)> All(int slot, FileEngine engine)
    {
        var host = new LinuxHost();
        using FileBlockDevice device = FileBlockDevice.Open(
            new SafeFileHandle(slot, ownsHandle: true),
            new() { Engine = engine, Locking = FileLocking.Exclusive, Notice = n => Console.WriteLine($"notice\t{n}") });
        using BlockQueue queue = device.OpenQueue(4);
        using DoorbellWaiter waiter = host.CreateWaiter();
        if (queue.Completions is { } doorbell)
        {
            waiter.Add(doorbell, 0);
        }

        using var data = new NativeArray<byte>(Sectors * 512);
        using var segments = new NativeArray<MemorySegment>(1);
        segments[0] = data.AsSegment();
        SandboxSeal.Apply();

        yield return ("engine", device.Engine.ToString());
        data.AsSpan().Fill(0x5A);
        yield return ("write", Do(BlockOperation.Write));
        yield return ("flush", Do(BlockOperation.Flush));
        data.AsSpan().Clear();
        yield return ("read", Do(BlockOperation.Read));
        yield return ("what was read", data.AsSpan().IndexOfAnyExcept((byte)0x5A) < 0 ? "Ok" : "wrong");
        yield return ("write zeroes", Do(BlockOperation.WriteZeroes));
        yield return ("discard", Do(BlockOperation.Discard));
        yield return ("read again", Do(BlockOperation.Read));
        yield return ("zeroes", data.AsSpan().IndexOfAnyExcept((byte)0) < 0 ? "Ok" : "wrong");

        string Do(BlockOperation operation)
        {
            BlockRequest request = new()
            {
                Operation = operation,
                Sector = 0,
                SectorCount = operation == BlockOperation.Flush ? 0u : Sectors,
                Data = operation is BlockOperation.Read or BlockOperation.Write ? ScatterList.Of(segments, 0, 1) : default,
            };
            queue.Submit([request]);
            Span<BlockCompletion> completion = stackalloc BlockCompletion[1];
            var clock = System.Diagnostics.Stopwatch.StartNew();
            while (queue.Poll(completion) == 0)
            {
                if (clock.Elapsed > _patience)
                {
                    return "no completion";
                }

                if (queue.Completions is not null && queue.Arm() != BlockQueue.Ready)
                {
                    waiter.Wait(TimeProvider.System.GetTimestamp() + TimeProvider.System.TimestampFrequency);
                }
            }

            return completion[0].Status.ToString();
        }
    }
}
