namespace Makatea.Platform.Linux.Tests;

public sealed class MessagePollerTests : IDisposable
{
    private const int Length = 2 << 20;

    private readonly LinuxHost _host = new();
    private readonly Grant _grant;
    private readonly MappedMemory _ram;
    private readonly ModelMemory _physical;

    public MessagePollerTests()
    {
        _grant = _host.CreateMemory("ram", Length);
        _ram = _grant.Map(0, Length, MemoryAccess.ReadWrite);

        // Nothing is plugged in.
        _physical = new(_ram, null!);
    }

    public void Dispose()
    {
        _ram.Dispose();
        _grant.Dispose();
    }

    /// <summary>A device goes on writing while its messages come and go. What is gone is not rung, or the thread ends with the process, and its memory is its next owner's.</summary>
    [Fact]
    public void A_message_that_is_gone_is_not_looked_at()
    {
        using var poller = new MessagePoller(_physical);
        using ModelMessage first = poller.Create(_physical);
        MemorySegment page = _ram.Slice(first.Address, 4096);
        bool isOver = false;
        var device = new Thread(() =>
        {
            while (!Volatile.Read(ref isOver))
            {
                page.AsSpan().Fill(1);
            }
        });
        device.Start();
        try
        {
            for (int i = 0; i < 100; i++)
            {
                ModelMessage[] messages = [.. Enumerable.Range(0, 100).Select(_ => poller.Create(_physical))];
                using DoorbellWaiter waiter = _host.CreateWaiter();
                waiter.Add(messages[^1].Doorbell, 0);
                Assert.NotEqual(0u, waiter.Wait(DoorbellWaiter.Forever));
                Array.ForEach(messages, message => message.Dispose());
            }
        }
        finally
        {
            isOver = true;
            device.Join();
        }
    }
}
