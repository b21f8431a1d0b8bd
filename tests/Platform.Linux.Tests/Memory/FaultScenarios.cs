using System.Diagnostics;
using System.IO.MemoryMappedFiles;

namespace Makatea.Platform.Linux.Tests;

/// <summary>Faults that nothing here may hide. Each returns 0 if the process lives on.</summary>
internal static class FaultScenarios
{
    /// <summary>A bus error in memory that is not ours to guard.</summary>
    internal static int TouchTruncatedFile()
    {
        string path = Path.GetTempFileName();
        using FileStream file = new(path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite, 1, FileOptions.DeleteOnClose);
        file.SetLength(65536);
        using MemoryMappedFile mapping = MemoryMappedFile.CreateFromFile(file, null, 65536, MemoryMappedFileAccess.ReadWrite, HandleInheritability.None, leaveOpen: true);
        using MemoryMappedViewAccessor view = mapping.CreateViewAccessor();
        TestMemory.Resize(file.SafeFileHandle, 0);
        Console.WriteLine("touching");
        return view.ReadByte(8192) == 0 ? 0 : 1;
    }

    /// <summary>A SIGBUS that another process sends carries no address; .NET shrugs it off.</summary>
    internal static int SendBusError()
    {
        using MappedMemory guarded = TestMemory.Unsealed(4096).Map(0, 4096, MemoryAccess.ReadWrite);
        Console.WriteLine("touching");
        using Process kill = Process.Start("/bin/kill", ["-BUS", Environment.ProcessId.ToString()]);
        kill.WaitForExit();
        Thread.Sleep(300);
        return guarded.IsLost ? 1 : 0;
    }

    /// <summary>As in an image whose runtime installs no handler.</summary>
    internal static int FaultWithoutPreviousHandler()
    {
        FaultGuard.InstallWithoutPrevious();
        Console.WriteLine("touching");
        return TouchTruncatedFile();
    }

    /// <summary>Runs over the end of a mapping.</summary>
    internal static int OverrunMapping()
    {
        using MappedMemory memory = new LinuxHost().CreateMemory("test", 4096).Map(0, 4096, MemoryAccess.ReadWrite);
        MemorySegment beyond = MemorySegment.UnsafeCreate(memory.Address + 4096, 1);
        Console.WriteLine("touching");
        beyond.WriteByte(0, 1);
        return 0;
    }
}
