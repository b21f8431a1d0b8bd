using System.Diagnostics;
using Makatea.Platform.Linux;
using Makatea.Tests.E1000;
using Makatea.Tests.Net;

namespace Makatea.NetStack.Tests;

public sealed class ForwardingLoopTests : IDisposable
{
    private readonly LocalMemory _memory = new(1024 * FramePool.BufferLength);
    private readonly FramePool _frames;
    private readonly TickingLoopback _forwarder = new();
    private readonly ForwardingLoop _loop;

    public ForwardingLoopTests()
    {
        _frames = new(_memory);
        _loop = new(new LinuxHost(), new ForwardingPlane(_frames, _forwarder));
        _loop.Start();
    }

    public void Dispose()
    {
        _loop.Dispose();
        Assert.Equal(_frames.Count, _frames.Available);
        _frames.Dispose();
        _memory.Dispose();
    }

    [Fact]
    public async Task Sleeps_until_frames_come_and_carries_them()
    {
        var port = new MemoryPort();
        ForwardingPort attached = await _loop.AttachAsync(port, "a");
        Assert.Same(_memory, Assert.Single(port.Memories));
        for (int i = 0; i < 50; i++)
        {
            port.Queue.Arrive(ForwardingTests.Bytes(64 + i));
            await Wait(() => Volatile.Read(ref attached.Counters.SentFrames) == (ulong)i + 1);
            Thread.Sleep(1);
        }

        Assert.InRange(_loop.Sleeps, 25, 1000);
        await _loop.DetachAsync(attached);
        Assert.True(port.Queue.IsClosed);
        Assert.Empty(port.Memories);
    }

    [Fact]
    public async Task Ports_that_change_are_looked_at_again()
    {
        var port = new MemoryPort();
        ForwardingPort attached = await _loop.AttachAsync(port, "a");
        port.Change(port.Info with { Mtu = 9000 });
        await Wait(() => attached.Info.Mtu == 9000);
    }

    [Fact]
    public async Task Ticks_when_it_is_time_without_any_frame()
    {
        int before = await _loop.RunAsync(() => _forwarder.Ticks);
        var clock = Stopwatch.StartNew();
        await Wait(() => Volatile.Read(ref _forwarder.Ticks) >= before + 10);
        Assert.InRange(clock.ElapsedMilliseconds, 80, 5000);
    }

    [Fact]
    public async Task Actions_run_in_order_and_give_back_what_they_throw()
    {
        var seen = new List<int>();
        for (int i = 0; i < 100; i++)
        {
            int number = i;
            _loop.Post(() => seen.Add(number));
        }

        await Assert.ThrowsAsync<InvalidDataException>(() => _loop.RunAsync(() => throw new InvalidDataException()));
        Assert.Equal(Enumerable.Range(0, 100), seen);
    }

    [Fact]
    public async Task A_port_that_there_are_no_buffers_for_is_closed_again()
    {
        var port = new MemoryPort();
        await Assert.ThrowsAsync<InvalidOperationException>(() => _loop.AttachAsync(port, "a", new() { ReceiveDepth = 2000 }));
        Assert.True(port.Queue.IsClosed);
        Assert.Empty(port.Memories);
    }

    private static async Task Wait(Func<bool> condition)
    {
        var clock = Stopwatch.StartNew();
        while (!condition())
        {
            Assert.True(clock.Elapsed < TimeSpan.FromSeconds(10), "nothing happened for 10 s");
            await Task.Delay(1);
        }
    }

    private sealed class TickingLoopback : IForwarder
    {
        private readonly LoopbackForwarder _loopback = new();

        public int Ticks;

        public void Forward(ForwardingPlane plane, int port, ReadOnlySpan<int> frames) => _loopback.Forward(plane, port, frames);

        public long Tick(ForwardingPlane plane, long now)
        {
            Ticks++;
            return now + 10;
        }
    }
}
