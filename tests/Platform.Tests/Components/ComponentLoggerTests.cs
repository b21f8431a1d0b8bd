namespace Makatea.Platform.Tests.Components;

public sealed class ComponentLoggerTests
{
    [Theory]
    [InlineData("nothing in it", "nothing in it")]
    [InlineData("{Device}: left", "disk: left", "disk")]
    [InlineData("{Device}: {Bytes} bytes, features 0x{Features:x}", "disk: 512 bytes, features 0xff", "disk", 512, 255ul)]
    [InlineData("{A}{B}", "(null)1.5", null, 1.5)]
    [InlineData("{Text}", "{of} {its own}", "{of} {its own}")]
    [InlineData("{A} and {B}", "1 and {B}", 1)]
    [InlineData("{A", "{A", 1)]
    [InlineData("}{A}", "}{A}", 1)]
    public void Values_are_put_in_their_places(string text, string expected, params object?[] values) => Assert.Equal(expected, ComponentLogger.Format(text, values));

    [Fact]
    public void Events_come_as_they_were_told()
    {
        var logger = new Recorder();
        var reason = new IOException("no");
        logger.Log(LogSeverity.Information, 1, "{A} {B:x}", "a", 255);
        logger.Log(LogSeverity.Critical, 2, reason, "gone");
        Assert.Equal([(LogSeverity.Information, 1, null, "a ff"), (LogSeverity.Critical, 2, reason, "gone")], logger.Events);
        ComponentLogger.None.Log(LogSeverity.Error, 3, "{A}", 1);
    }

    private sealed class Recorder : ComponentLogger
    {
        public List<(LogSeverity, int, Exception?, string)> Events { get; } = [];

        protected override void Write(LogSeverity severity, int id, Exception? exception, string text, ReadOnlySpan<object?> values) => Events.Add((severity, id, exception, Format(text, values)));
    }
}
