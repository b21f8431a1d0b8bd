namespace Makatea.Virtio;

/// <summary>
/// The device status ([VIRTIO-1.3] 2.1) as SET_STATUS and GET_STATUS show it. The driver's bits come from the front end; NEEDS_RESET is ours
/// and is set from queue workers' threads.
/// </summary>
internal sealed class VhostUserStatus
{
    public const byte Acknowledge = 1;
    public const byte Driver = 2;
    public const byte DriverOk = 4;
    public const byte FeaturesOk = 8;
    public const byte NeedsReset = 64;
    public const byte Failed = 128;
    private const ulong Defined = Acknowledge | Driver | DriverOk | FeaturesOk | NeedsReset | Failed;
    private volatile bool _needsReset;
    private byte _driver;

    /// <summary>The status as the driver reads it.</summary>
    public byte Value => (byte)(_driver | (_needsReset ? NeedsReset : 0));

    /// <summary>A queue broke.</summary>
    public void SetNeedsReset() => _needsReset = true;

    /// <summary>Back to the start.</summary>
    public void Reset()
    {
        _needsReset = false;
        _driver = 0;
    }

    /// <summary>The front end writes the status. FEATURES_OK stays off until features were set, which are checked then ([VIRTIO-1.3] 3.1.1).</summary>
    /// <exception cref="VhostUserProtocolException">A bit is not defined.</exception>
    public void Set(ulong value, bool featuresSet)
    {
        if ((value & ~Defined) != 0)
        {
            throw new VhostUserProtocolException($"SET_STATUS sets 0x{value:x}; defined are the bits 0x{Defined:x}");
        }

        ulong kept = value & ~(ulong)NeedsReset;
        _driver = (byte)(featuresSet ? kept : kept & ~(ulong)FeaturesOk);
    }
}
