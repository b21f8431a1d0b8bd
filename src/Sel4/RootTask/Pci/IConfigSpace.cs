namespace Makatea.Sel4;

/// <summary>Configuration space of a function, for what looks at it on the kernel and in tests.</summary>
internal interface IConfigSpace
{
    uint Read(uint offset, uint width);

    void Write(uint offset, uint width, uint value);
}
