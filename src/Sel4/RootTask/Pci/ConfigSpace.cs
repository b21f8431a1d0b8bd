namespace Makatea.Sel4;

/// <summary>Configuration space of a function of the machine.</summary>
internal readonly struct ConfigSpace : IConfigSpace
{
    private readonly uint _function;

    /// <param name="function">Bus, device and function as 16 bits.</param>
    internal ConfigSpace(uint function) => _function = function;

    public uint Read(uint offset, uint width) => ConfigPorts.Read(_function, offset, width);

    public void Write(uint offset, uint width, uint value) => ConfigPorts.Write(_function, offset, width, value);
}
