using System.Text;
using Makatea.Domains.Manager;
using Makatea.Platform;
using Makatea.Platform.Linux;

namespace Makatea.Domains.Tests.Manager;

public sealed class LineChannelTests : IDisposable
{
    private const int MaxLine = 100_000;
    private readonly LinuxHost _host = new();
    private readonly MessageChannel _peer;
    private readonly LineChannel _lines;

    public LineChannelTests()
    {
        MessageChannel ours = _host.CreateChannel(out Grant theirs);
        _peer = theirs.OpenChannel();
        _lines = new LineChannel(ours, "test", MaxLine);
    }

    public void Dispose()
    {
        _lines.Dispose();
        _peer.Dispose();
    }

    private async Task<string?> Receive() =>
        await _lines.ReceiveAsync(new CancellationTokenSource(TimeSpan.FromSeconds(10)).Token) is { } line ? Encoding.UTF8.GetString(line) : null;

    private void Send(string text) => _peer.Send(Encoding.UTF8.GetBytes(text), []);

    [Fact]
    public async Task Lines_arrive_however_they_were_cut()
    {
        Send("a\nbc");
        Assert.Equal("a", await Receive());
        Send("d\n\ne");
        Assert.Equal("bcd", await Receive());
        Assert.Equal("", await Receive());
        Send("\n");
        Assert.Equal("e", await Receive());
        _peer.Close();
        Assert.Null(await Receive());
    }

    [Fact]
    public async Task A_line_may_be_as_long_as_allowed_and_no_longer()
    {
        Task sender = Task.Run(() => Send(new string('x', MaxLine) + "\n" + new string('y', MaxLine + 1)));
        Assert.Equal(MaxLine, (await Receive())!.Length);
        Assert.Contains("expected at most 100000", (await Assert.ThrowsAsync<IOException>(Receive)).Message, StringComparison.Ordinal);
        await sender;
    }

    [Fact]
    public async Task An_end_within_a_line_is_an_error()
    {
        Send("half");
        _peer.Close();
        Assert.Contains("ended within a line, after 4 bytes", (await Assert.ThrowsAsync<IOException>(Receive)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_grant_is_refused()
    {
        using Grant memory = _host.CreateMemory("unwanted", 4096);
        _peer.Send("a\n"u8, [memory]);
        Assert.Contains("expected none", (await Assert.ThrowsAsync<IOException>(Receive)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_peer_that_floods_is_held_back_and_does_not_stop_the_end()
    {
        byte[] lines = [.. Enumerable.Repeat((byte)'\n', 10_000_000)];
        var flood = Task.Run(() => Assert.ThrowsAny<IOException>(() => _peer.Send(lines, [])));
        await Task.Delay(300);
        Assert.False(flood.IsCompleted); // nobody receives, so nobody took it all in
        _lines.Dispose();
        _peer.Close();
        await flood.WaitAsync(TimeSpan.FromSeconds(15));
    }
}
