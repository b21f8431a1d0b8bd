namespace Makatea.Platform.Linux;

/// <summary>The ROM of a machine of device models: its processor goes to sleep at its first instruction.</summary>
internal static class ModelRom
{
    /// <summary>Length in bytes, QEMU's smallest.</summary>
    internal const int Length = 64 * 1024;

    // A processor starts 16 bytes before the end of the ROM.
    private const int ResetVector = Length - 16;

    /// <summary>Writes it.</summary>
    internal static void Write(Grant rom)
    {
        ReadOnlySpan<byte> code =
        [
            0xfa, // cli
            0xf4, // hlt
            0xeb, 0xfd, // jmp to the hlt
        ];
        using MappedMemory memory = rom.Map(0, Length, MemoryAccess.ReadWrite);
        code.CopyTo(memory.Slice(ResetVector, code.Length).AsSpan());
    }
}
