using System.Runtime.InteropServices;

namespace Makatea.Sel4.LinuxAbi;

/// <summary>Elf64_Phdr.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct ProgramHeader
{
    internal uint Type;
    internal uint Flags;
    internal ulong Offset;
    internal ulong Address;
    internal ulong PhysicalAddress;
    internal ulong FileLength;
    internal ulong MemoryLength;
    internal ulong Alignment;
}
