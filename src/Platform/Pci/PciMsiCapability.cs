namespace Makatea.Platform;

/// <summary>
/// The MSI capability of a function ([PCI-3.0] 6.8.1). One vector of it is used: all of them share an address, and where nothing tells them apart by their data they would ring together.
/// For whoever hands the function out.
/// </summary>
public sealed class PciMsiCapability
{
    private const int Control = 2;
    private const int AddressLow = 4;
    private const uint Enable = 1;
    private const uint SeveralVectors = 7 << 4;
    private const uint Is64 = 1 << 7;

    private readonly PciConfigSpace _config;
    private readonly int _capability;

    private PciMsiCapability(PciConfigSpace config, int capability)
    {
        _config = config;
        _capability = capability;
    }

    /// <summary>Looks at a capability; null where there is none, or not all of it.</summary>
    public static PciMsiCapability? Find(PciConfigSpace config, int capability) =>
        capability is 0 or > PciConfig.Length - 16 ? null : new(config, capability);

    /// <summary>Writes a message and switches MSI on.</summary>
    /// <exception cref="IOException">The function cannot send it.</exception>
    public void Program(InterruptMessage message)
    {
        ArgumentNullException.ThrowIfNull(message);
        uint control = _config.Read(_capability + Control, 2) & ~(Enable | SeveralVectors);
        bool is64 = (control & Is64) != 0;
        if ((message.Address >> 32 != 0 && !is64) || message.Data > ushort.MaxValue)
        {
            throw new IOException($"the function sends 16 bits of data to {(is64 ? 64 : 32)}-bit addresses and cannot send 0x{message.Data:x} to 0x{message.Address:x}");
        }

        _config.Write(_capability + Control, 2, control);
        _config.Write(_capability + AddressLow, 4, (uint)message.Address);
        if (is64)
        {
            _config.Write(_capability + AddressLow + 4, 4, (uint)(message.Address >> 32));
        }

        _config.Write(_capability + AddressLow + (is64 ? 8 : 4), 2, message.Data);
        _config.Write(_capability + Control, 2, control | Enable);
    }

    /// <summary>Switches MSI off.</summary>
    public void Disable() => _config.Write(_capability + Control, 2, _config.Read(_capability + Control, 2) & ~Enable);
}
