using Makatea.BlockContract;
using Microsoft.Win32.SafeHandles;

namespace Makatea.Platform.Linux.Tests;

/// <summary>For tests that every engine has to pass.</summary>
public abstract class EngineTheory
{
    private static readonly LinuxHost TestHost = new();

    /// <summary>Every engine on a file in memory, and those for disks on a disk.</summary>
    public static TheoryData<string, bool> Engines => new()
    {
        { nameof(FileEngine.Mapped), true },
        { nameof(FileEngine.Inline), true },
        { nameof(FileEngine.IoUring), true },
        { nameof(FileEngine.Threads), true },
        { nameof(FileEngine.Inline), false },
        { nameof(FileEngine.IoUring), false },
        { nameof(FileEngine.Threads), false },
    };

    /// <summary>The engines for files in memory.</summary>
    public static TheoryData<string> MemoryEngines =>
        [nameof(FileEngine.Mapped), nameof(FileEngine.Inline), nameof(FileEngine.IoUring), nameof(FileEngine.Threads)];

    /// <summary>The engines that need nothing but a descriptor.</summary>
    public static TheoryData<string> CallingEngines => [nameof(FileEngine.Inline), nameof(FileEngine.IoUring), nameof(FileEngine.Threads)];

    private protected static FileBlockOptions Options(string engine) => Enum.Parse<FileEngine>(engine) switch
    {
        FileEngine.Mapped => Bed.Mapped(),
        FileEngine.IoUring => Bed.IoUring(),
        FileEngine other => new FileBlockOptions { Engine = other },
    };

    private protected static SafeFileHandle MakeFile(bool inMemory, long length) => inMemory ? TestDisk.Memory(length) : TestDisk.OnDisk(length);

    private protected static QueueDriver Drive(BlockDevice device, int depth = 8) => new(device, depth, TestHost);

    /// <summary>A device over any descriptor at all, whatever <see cref="FileProbe"/> would say to it.</summary>
    private protected sealed class BareDevice(SafeFileHandle handle, string engine, bool direct = false) : BlockDevice
    {
        internal BlockFile File { get; } = new(handle, "bare", new FileTraits { SectorCount = 1 << 20, BlockSize = 512, CanPunch = true, DiscardGranularity = 512, IsDirect = direct });

        public override BlockDeviceInfo Info => File.Traits.ToInfo(File.SectorCount);

        public override BlockQueue OpenQueue(int depth, Doorbell? completions = null) => Options(engine).Engine switch
        {
            FileEngine.Inline => new InlineQueue(File, depth),
            FileEngine.IoUring => new IoUringQueue(File, depth, EventDoorbell.Create(), ownsDoorbell: true),
            _ => new ThreadQueue(File, depth, 2, EventDoorbell.Create(), ownsDoorbell: true),
        };

        protected override void Dispose(bool disposing) => File.Dispose();
    }
}
