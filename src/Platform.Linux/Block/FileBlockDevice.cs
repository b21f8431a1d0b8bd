using Microsoft.Win32.SafeHandles;

namespace Makatea.Platform.Linux;

/// <summary>
/// A file or block device of the host as a block device.
/// </summary>
/// <remarks>
/// <para>The device is the file's whole blocks. What is left over at its end can neither be read nor written, so a guest never sees made-up zeroes and a
/// file never grows. (QEMU rounds up instead.)</para>
/// <para>A request fails with <see cref="BlockStatus.IoError"/> where the disk fails, the file system is full, or the file was cut off below the
/// request since <see cref="Info"/> was last refreshed; every other request goes on. After a failed flush all later flushes fail, as the page cache may have
/// dropped what it could not write and would not tell again; opening the file anew ends that.</para>
/// <para>Files on a disk are not mapped: an access through a mapping waits for the disk, and a write that the disk has no room for faults. Files in memory
/// are, see <see cref="FileEngine.Mapped"/>.</para>
/// </remarks>
public sealed class FileBlockDevice : BlockDevice
{
    private const int MostThreads = 16;
    private const int MostDepth = 65536;

    private readonly BlockFile _file;
    private readonly FileMap? _map;
    private readonly FileBlockOptions _options;
    private readonly Lock _refreshing = new();
    private readonly Timer? _sizeWatch;
    private volatile BlockDeviceInfo _info;
    private int _noticed;
    private bool _disposed;

    private FileBlockDevice(BlockFile file, FileBlockOptions options)
    {
        _file = file;
        _options = options;
        _info = file.Traits.ToInfo(file.SectorCount);
        Engine = options.Engine != FileEngine.Auto ? options.Engine : file.Traits.IsInMemory ? FileEngine.Mapped : ChooseForDisk();
        if (Engine == FileEngine.Mapped)
        {
            try
            {
                _map = FileMap.Open(file);
            }
            catch (IOException e) when (options.Engine == FileEngine.Auto)
            {
                options.Notice?.Invoke($"'{file.Name}' is read and written by system calls, as it cannot be mapped: {e.Message}");
                Engine = FileEngine.Inline;
            }
        }

        _sizeWatch = options.SizeWatch > TimeSpan.Zero ? new Timer(_ => LookAtSize(), null, options.SizeWatch, options.SizeWatch) : null;
    }

    /// <inheritdoc/>
    public override BlockDeviceInfo Info => _info;

    /// <summary>How requests are done: never <see cref="FileEngine.Auto"/>.</summary>
    public FileEngine Engine { get; }

    /// <summary>Opens a file or block device by its path.</summary>
    /// <exception cref="IOException">It cannot be opened, locked or used so; the message says why and what would do.</exception>
    public static FileBlockDevice Open(string path, FileBlockOptions? options = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        options ??= new FileBlockOptions();

        // Non-blocking for the case that it is a pipe, whose opening would wait for a writer.
        int flags = (options.ReadOnly ? Libc.O_RDONLY : Libc.O_RDWR) | Libc.O_CLOEXEC | Libc.O_NONBLOCK;
        return Open(LinuxError.Descriptor(Libc.Open(path, flags, 0), $"cannot open '{path}'", "open"), options, path);
    }

    /// <summary>Opens what was granted as a descriptor.</summary>
    /// <param name="handle">The descriptor, which becomes the device's. O_NONBLOCK is taken off it, and with <see cref="FileBlockOptions.Direct"/> O_DIRECT set.</param>
    /// <param name="options">How to use it.</param>
    /// <param name="name">For messages.</param>
    /// <exception cref="IOException">It cannot be locked or used so; the message says why and what would do. The descriptor is closed.</exception>
    public static FileBlockDevice Open(SafeFileHandle handle, FileBlockOptions? options = null, string? name = null)
    {
        ArgumentNullException.ThrowIfNull(handle);
        options ??= new FileBlockOptions();
        name ??= $"descriptor {handle.DangerousGetHandle()}";
        try
        {
            FileTraits traits = FileProbe.Inspect(handle, name, options);
            ImageLock.Take(handle, name, options);
            try
            {
                return new FileBlockDevice(new BlockFile(handle, name, traits), options);
            }
            catch when (options.Locking != FileLocking.None)
            {
                ImageLock.Release(handle);
                throw;
            }
        }
        catch
        {
            handle.Dispose();
            throw;
        }
    }

    /// <summary>Looks at the file's size again. Where it changed, <see cref="Info"/> changes and <see cref="BlockDevice.InfoChanged"/> is raised.</summary>
    /// <exception cref="IOException">The size cannot be found out.</exception>
    public void Refresh() => Refresh(growthOnly: false);

    /// <inheritdoc/>
    /// <exception cref="ArgumentException"><paramref name="completions"/> is not a doorbell that this host's <see cref="ComponentHost"/> made.</exception>
    /// <exception cref="IOException">The host gives us none.</exception>
    public override BlockQueue OpenQueue(int depth, Doorbell? completions = null)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(depth, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(depth, MostDepth);
        if (_map is not null)
        {
            return new MappedQueue(_file, _map, depth);
        }

        if (Engine == FileEngine.Inline)
        {
            return new InlineQueue(_file, depth);
        }

        EventDoorbell doorbell = completions is null
            ? EventDoorbell.Create()
            : completions as EventDoorbell ?? throw new ArgumentException($"{completions.GetType()} cannot be rung by the kernel; use a doorbell of the component's host", nameof(completions));
        try
        {
            return OpenQueue(depth, doorbell, ownsDoorbell: completions is null);
        }
        catch when (completions is null)
        {
            doorbell.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        lock (_refreshing)
        {
            if (_disposed)
            {
                return;
            }

            _disposed = true;
        }

        _sizeWatch?.Dispose();
        _map?.Dispose();
        if (_options.Locking != FileLocking.None)
        {
            ImageLock.Release(_file.Handle);
        }

        _file.Dispose();
    }

    private void Refresh(bool growthOnly)
    {
        lock (_refreshing)
        {
            if (_disposed)
            {
                return;
            }

            ulong sectors = FileProbe.Measure(_file) / (ulong)_info.BlockSize * ((ulong)_info.BlockSize / SectorSize);
            if (sectors == _file.SectorCount || (growthOnly && sectors < _file.SectorCount))
            {
                return;
            }

            _file.SectorCount = sectors;
            _info = _info with { SectorCount = sectors };
        }

        OnInfoChanged();
    }

    private void LookAtSize()
    {
        try
        {
            Refresh(growthOnly: true);
        }
        catch (IOException)
        {
            // Requests will fail too, where somebody is there to hear of it.
        }
    }

    private BlockQueue OpenQueue(int depth, EventDoorbell doorbell, bool ownsDoorbell)
    {
        if (Engine == FileEngine.IoUring)
        {
            try
            {
                return new IoUringQueue(_file, depth, doorbell, ownsDoorbell);
            }
            catch (IOException e) when (_options.Engine == FileEngine.Auto)
            {
                NoticeNoIoUring(e);
            }
        }

        return new ThreadQueue(_file, depth, MostThreads, doorbell, ownsDoorbell);
    }

    private FileEngine ChooseForDisk()
    {
        try
        {
            using EventDoorbell doorbell = EventDoorbell.Create();
            using IoUringQueue trial = new(_file, 1, doorbell, ownsDoorbell: false);
            return FileEngine.IoUring;
        }
        catch (IOException e)
        {
            NoticeNoIoUring(e);
            return FileEngine.Threads;
        }
    }

    private void NoticeNoIoUring(IOException cause)
    {
        if (Interlocked.Exchange(ref _noticed, 1) != 0)
        {
            return;
        }

        _options.Notice?.Invoke(
            $"'{_file.Name}' is read and written by threads with pread and pwrite, which takes more of the processor, as there is no io_uring: {cause.Message}; {IoUringFactory.Advice(cause.HResult)}");
    }
}
