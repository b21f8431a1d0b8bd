namespace Makatea.Platform.Linux.Tests;

public sealed class HandedChannelsTests
{
    [Fact]
    public void Channels_arrive_one_by_one_and_work()
    {
        MessageChannel giver = new LinuxHost().CreateChannel(out Grant end);
        using (giver)
        using (end)
        using (var handed = new HandedChannels(end.OpenChannel()))
        {
            for (byte i = 1; i <= 3; i++)
            {
                using MessageChannel peer = Hand(giver);
                peer.Send([i], []);
                using MessageChannel? taken = handed.Accept();
                Assert.Equal(i, Receive(taken!));
                taken!.Send([(byte)(i + 100)], []);
                Assert.Equal(i + 100, Receive(peer));
            }

            // Two at once stay apart.
            using MessageChannel first = Hand(giver);
            using MessageChannel second = Hand(giver);
            first.Send([1], []);
            second.Send([2], []);
            using MessageChannel? one = handed.Accept();
            using MessageChannel? two = handed.Accept();
            Assert.Equal((1, 2), (Receive(one!), Receive(two!)));
        }
    }

    [Fact]
    public async Task Who_waits_is_woken_by_close_and_by_the_end_of_who_hands_over()
    {
        MessageChannel giver = new LinuxHost().CreateChannel(out Grant end);
        using var closed = new HandedChannels(end.OpenChannel());
        Task<MessageChannel?> waiting = Task.Run(closed.Accept);
        closed.Close();
        Assert.Null(await waiting.WaitAsync(TimeSpan.FromSeconds(10)));
        giver.Dispose();

        giver = new LinuxHost().CreateChannel(out end);
        using var orphan = new HandedChannels(end.OpenChannel());
        waiting = Task.Run(orphan.Accept);
        giver.Dispose();
        Assert.Null(await waiting.WaitAsync(TimeSpan.FromSeconds(10)));
    }

    [Fact]
    public void What_is_no_channel_ends_it_and_what_brings_nothing_is_passed_over()
    {
        using MessageChannel giver = new LinuxHost().CreateChannel(out Grant end);
        using var handed = new HandedChannels(end.OpenChannel());
        giver.Send([1, 2, 3], []);
        using (MessageChannel peer = Hand(giver))
        {
            peer.Send([7], []);
            using MessageChannel? taken = handed.Accept();
            Assert.Equal(7, Receive(taken!));
        }

        using Grant memory = new LinuxHost().CreateMemory("none", 4096);
        HandedChannels.Hand(giver, memory);
        Assert.Null(handed.Accept());
    }

    private static MessageChannel Hand(MessageChannel giver)
    {
        MessageChannel peer = new LinuxHost().CreateChannel(out Grant end);
        using (end)
        {
            HandedChannels.Hand(giver, end);
        }

        return peer;
    }

    private static int Receive(MessageChannel channel)
    {
        byte[] bytes = new byte[1];
        Assert.Equal(1, channel.Receive(bytes, []));
        return bytes[0];
    }
}
