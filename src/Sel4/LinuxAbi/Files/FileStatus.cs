using System.Runtime.InteropServices;

namespace Makatea.Sel4.LinuxAbi;

/// <summary>struct stat of x86-64.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct FileStatus
{
    internal ulong Device;
    internal ulong Number;
    internal ulong Links;
    internal uint Mode;
    internal uint User;
    internal uint Group;
    internal uint Padding;
    internal ulong SpecialDevice;
    internal ulong Length;
    internal ulong BlockLength;
    internal ulong Blocks;
    internal TimeValue Accessed;
    internal TimeValue Modified;
    internal TimeValue Changed;
    internal ulong Reserved0;
    internal ulong Reserved1;
    internal ulong Reserved2;

    private const uint CharacterDevice = 0x2000;
    private const uint DirectoryMode = 0x4000;
    private const uint Regular = 0x8000;
    private const uint PipeMode = 0x1000;
    private const uint ReadAll = 0x124; // r--r--r--
    private const uint ReadWriteAll = 0x1b6; // rw-rw-rw-
    private const uint SearchAll = 0x16d; // r-xr-xr-x

    /// <summary>The status of a file of a kind.</summary>
    internal static FileStatus Of(FileKind kind, uint instance, ulong length) => new()
    {
        Device = 1,
        Number = ((ulong)kind << 32) | instance,
        Links = 1,
        BlockLength = RegionTable.PageSize,
        Length = length,
        Blocks = (length + 511) / 512,
        SpecialDevice = kind switch { FileKind.Null => 0x103, FileKind.Zero => 0x105, FileKind.Random => 0x109, FileKind.Console => 0x501, _ => 0 },
        Mode = kind switch
        {
            FileKind.Null or FileKind.Zero or FileKind.Random or FileKind.Console => CharacterDevice | ReadWriteAll,
            FileKind.Directory => DirectoryMode | SearchAll,
            FileKind.PipeReader or FileKind.PipeWriter => PipeMode | ReadWriteAll,
            FileKind.Event => ReadWriteAll,
            _ => Regular | ReadAll,
        },
    };
}
