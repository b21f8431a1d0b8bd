using System.Text;
using System.Text.Json;
using Makatea.Domains.Manager;
using Makatea.Platform;
using Makatea.Platform.Linux;

namespace Makatea.Domains.Tests.Manager;

public class ControlChannelTests
{
    public static TheoryData<ControlMessage> Messages =>
    [
        new StartMessage(new ComponentManifest { Name = "storage", Kind = "storage", Grants = [new("a", GrantType.File, 5, MemoryAccess.Read)] }, IsRestart: true),
        new MetricsRequestMessage(),
        new StopMessage(),
        new ReadyMessage(["no io_uring here\nreally"]),
        new FailedMessage("no such thing"),
        new SetRulesMessage(1, "work", ["action=drop"]),
        new SetRulesMessage(2, "work", null),
        new SetLinkMessage(3, "work", IsAttached: false),
        new ChangedMessage(3, null),
        new ChangedMessage(4, "no client 'x'"),
        new MetricsMessage([new("Makatea.Virtio.Block", "reads", "{request}", new Dictionary<string, string> { ["device"] = "d" }, 12), new("m", "n", null, new Dictionary<string, string>(), 1)]),
    ];

    [Theory]
    [MemberData(nameof(Messages))]
    public void Messages_survive_as_one_line(ControlMessage message)
    {
        byte[] line = message.ToLine();
        Assert.DoesNotContain((byte)'\n', line);
        Assert.Equal(Encoding.UTF8.GetString(line), Encoding.UTF8.GetString(ControlMessage.FromLine(line).ToLine()));
    }

    [Theory]
    [InlineData("")]
    [InlineData("null")]
    [InlineData("{}")]
    [InlineData("[]")]
    [InlineData("""{"type":"explode"}""")]
    [InlineData("""{"type":"ready"}""")]
    [InlineData("""{"type":"ready","notices":null}""")]
    [InlineData("""{"type":"metrics","samples":[{"meter":"m"}]}""")]
    [InlineData("""{"type":"start","isRestart":false,"manifest":{"name":"x"}}""")]
    [InlineData("\u0000")]
    public void Anything_else_is_no_message(string line) => Assert.ThrowsAny<JsonException>(() => ControlMessage.FromLine(Encoding.UTF8.GetBytes(line)));

    [Fact]
    public async Task A_peer_that_sends_anything_else_loses_the_channel()
    {
        using MessageChannel ours = new LinuxHost().CreateChannel(out Grant theirs);
        using MessageChannel peer = theirs.OpenChannel();
        using var control = new ControlChannel(ours, "test");
        peer.Send("{\"type\":\"ready\",\"notices\":[]}\nhello\n"u8, []);
        Assert.IsType<ReadyMessage>(await control.ReceiveAsync());
        await Assert.ThrowsAsync<IOException>(async () => await control.ReceiveAsync());
        Assert.Equal(0, peer.Receive(new byte[1], []));
    }
}
