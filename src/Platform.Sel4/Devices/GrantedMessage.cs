namespace Makatea.Platform.Sel4;

/// <summary>An interrupt message that was granted with a function.</summary>
internal sealed class GrantedMessage(KernelGate gate, GrantEntry message) : InterruptMessage
{
    /// <inheritdoc/>
    public override ulong Address => message.Value;

    /// <inheritdoc/>
    public override uint Data => (uint)message.Detail;

    /// <inheritdoc/>
    public override Doorbell Doorbell { get; } = Sel4Doorbell.Heard(gate, message.Kind, message.Number);

    /// <summary>The message stays the function's.</summary>
    protected override void Dispose(bool disposing) => Doorbell.Dispose();
}
