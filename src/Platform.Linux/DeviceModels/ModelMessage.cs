namespace Makatea.Platform.Linux;

/// <summary>An interrupt message to a word of a <see cref="MessagePage"/>.</summary>
internal sealed class ModelMessage(MessagePoller poller, MessagePage page, int word) : InterruptMessage
{
    /// <inheritdoc/>
    public override ulong Address { get; } = page.AddressOf(word);

    /// <inheritdoc/>
    public override uint Data => 1;

    /// <inheritdoc/>
    public override Doorbell Doorbell { get; } = EventDoorbell.Create();

    /// <summary>The page.</summary>
    internal MessagePage Page => page;

    /// <summary>The word in it.</summary>
    internal int Word => word;

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        poller.Remove(this);
        Doorbell.Dispose();
    }
}
