using System.Runtime.InteropServices;
using Makatea.Domains.Manager;
using Makatea.Platform;
using Makatea.Platform.Linux;
using Microsoft.Win32.SafeHandles;

namespace Makatea.Running;

/// <summary>
/// All that a component is given, opened by the manager and kept open by it: when the component dies, the next one gets the same files, locks and listening sockets.
/// </summary>
internal sealed class GrantTable : IDisposable
{
    /// <summary>Slot of the control channel.</summary>
    public const int ControlSlot = 3;

    private readonly List<ManifestGrant> _grants = [];
    private readonly Dictionary<int, SafeHandle> _handles = [];
    private readonly Dictionary<(string Path, MemoryAccess Access), SafeFileHandle> _files = [];
    private readonly List<IDisposable> _owned = [];
    private readonly List<(int Slot, RenewedGrant Grant)> _renewed = [];

    /// <summary>The grants, for the manifest.</summary>
    public IReadOnlyList<ManifestGrant> Grants => _grants;

    /// <summary>The device functions, by the names of their grants.</summary>
    public IReadOnlyList<(string Name, DomainFunction Function)> Functions =>
        [.. _renewed.Where(f => f.Grant is DomainFunction).Select(f => (_grants.First(g => g.Slot == f.Slot).Name, (DomainFunction)f.Grant))];

    private int NextSlot => ControlSlot + 1 + _grants.Count;

    /// <summary>The descriptors by slot, for a component that is about to be started.</summary>
    /// <exception cref="IOException">A function cannot be had; the message says why.</exception>
    public IReadOnlyDictionary<int, SafeHandle> Open()
    {
        foreach ((int slot, RenewedGrant grant) in _renewed)
        {
            IReadOnlyList<SafeHandle> handles = grant.Open();
            for (int i = 0; i < handles.Count; i++)
            {
                _handles[slot + i] = handles[i];
            }
        }

        return _handles;
    }

    /// <summary>Has the functions hear what their component measured.</summary>
    public void Observe(IReadOnlyList<MetricSample> samples) => _renewed.ForEach(f => f.Grant.Observe(samples));

    /// <summary>Closes this side's copies of what is opened anew for each component, now that one has them.</summary>
    public void Release() => _renewed.ForEach(f => f.Grant.Release());

    /// <summary>Adds a file or block device. One that another device has already is not opened again, so that its locks do not keep the two apart.</summary>
    /// <param name="name">Name of the grant.</param>
    /// <param name="path">Path of the file.</param>
    /// <param name="access">What the component may do with it.</param>
    /// <returns>Option value that refers to it.</returns>
    /// <exception cref="IOException">It cannot be opened.</exception>
    public string AddFile(string name, string path, MemoryAccess access)
    {
        Add(name, GrantType.File, OpenFile(path, access), access);
        return Reference(name);
    }

    /// <summary>Opens a file or block device for somebody whom the table's functions are served by; the component gets none of it.</summary>
    /// <returns>The file, which stays the table's.</returns>
    /// <exception cref="IOException">It cannot be opened.</exception>
    public SafeFileHandle OpenFile(string path, MemoryAccess access = MemoryAccess.ReadWrite)
    {
        if (!_files.TryGetValue((path, access), out SafeFileHandle? file))
        {
            file = File.OpenHandle(path, FileMode.Open, access == MemoryAccess.Read ? FileAccess.Read : FileAccess.ReadWrite, FileShare.ReadWrite);
            _files.Add((path, access), file);
            _owned.Add(file);
        }

        return file;
    }

    /// <summary>Adds storage for an overlay, as long as it needs to be and, where it is new, all zeroes.</summary>
    /// <param name="name">Name of the grant.</param>
    /// <param name="path">File that keeps it, or null for one that is gone with the last descriptor, however that comes.</param>
    /// <param name="length">Length in bytes; the file has holes until they are written.</param>
    /// <returns>Option value that refers to it.</returns>
    /// <exception cref="IOException">It cannot be made.</exception>
    public string AddOverlay(string name, string? path, ulong length)
    {
        string place = path ?? Path.Combine(TemporaryFolder(), $"makatea-{Guid.NewGuid():N}");
        var file = new FileStream(place, new FileStreamOptions
        {
            Mode = path is null ? FileMode.CreateNew : FileMode.OpenOrCreate,
            Access = FileAccess.ReadWrite,
            Share = FileShare.ReadWrite,
            UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
        });
        _owned.Add(file);
        if (path is null)
        {
            File.Delete(place);
        }

        if (file.Length < (long)length)
        {
            file.SetLength((long)length);
        }

        Add(name, GrantType.File, file.SafeFileHandle, MemoryAccess.ReadWrite);
        return Reference(name);
    }

    /// <summary>Adds shared memory, all zeroes.</summary>
    /// <returns>Option value that refers to it.</returns>
    public string AddMemory(string name, ulong length)
    {
        var memory = (LinuxGrant)new LinuxHost().CreateMemory(name, length);
        _owned.Add(memory);
        Add(name, GrantType.Region, memory.Handle, MemoryAccess.ReadWrite);
        return Reference(name);
    }

    /// <summary>Adds a socket that listens on a path.</summary>
    /// <returns>Name of the grant.</returns>
    /// <exception cref="IOException">It cannot be made.</exception>
    public string AddListener(string name, string path)
    {
        UnixChannelListener listener = UnixChannelListener.Bind(path);
        _owned.Add(listener);
        Add(name, GrantType.Listener, listener.Handle, MemoryAccess.ReadWrite);
        return name;
    }

    /// <summary>Adds a device function, which is disposed with the table.</summary>
    /// <param name="name">Name of its first grant; others are called <c>NAME 2</c> and so on.</param>
    /// <param name="function">The function.</param>
    /// <returns>Option value that refers to it.</returns>
    public string AddFunction(string name, DomainFunction function) => Reference(AddRenewed(name, function));

    /// <summary>Adds what is opened anew for each component; it is disposed with the table.</summary>
    /// <param name="name">Name of its first grant; others are called <c>NAME 2</c> and so on.</param>
    /// <param name="grant">The grant.</param>
    /// <returns>Name of the grant.</returns>
    public string AddRenewed(string name, RenewedGrant grant)
    {
        _owned.Add(grant);
        _renewed.Add((NextSlot, grant));
        for (int i = 0; i < grant.Types.Count; i++)
        {
            _grants.Add(new ManifestGrant(PartOf(name, i), grant.Types[i], NextSlot, MemoryAccess.ReadWrite));
        }

        return name;
    }

    /// <summary>Adds a network interface, which is the table's from now on.</summary>
    /// <param name="name">Name of its grant; its second descriptor is called <c>NAME 2</c>.</param>
    /// <param name="descriptors">What it consists of.</param>
    /// <returns>Name of the grant.</returns>
    public string AddPort(string name, NetDescriptors descriptors)
    {
        _owned.Add(descriptors);
        Add(PartOf(name, 0), GrantType.Port, descriptors.Device, MemoryAccess.ReadWrite);
        Add(PartOf(name, 1), GrantType.Port, descriptors.Link, MemoryAccess.ReadWrite);
        return name;
    }

    /// <summary>Keeps something that a function of the table uses, and disposes it with the table.</summary>
    public T Own<T>(T used)
        where T : IDisposable
    {
        _owned.Add(used);
        return used;
    }

    /// <summary>Gives the device functions back. No component has them any more.</summary>
    public void GiveBack()
    {
        foreach ((_, RenewedGrant grant) in _renewed)
        {
            _owned.Remove(grant);
            grant.Dispose();
        }

        _renewed.Clear();
    }

    /// <inheritdoc/>
    public void Dispose() => _owned.AsEnumerable().Reverse().ToList().ForEach(o => o.Dispose());

    private static string PartOf(string name, int index) => index == 0 ? name : $"{name} {index + 1}";

    private static string Reference(string name) => $"grant:{name}";

    /// <summary>On a disk where there is one: an overlay can grow as large as its template.</summary>
    private static string TemporaryFolder() => Directory.Exists("/var/tmp") ? "/var/tmp" : Path.GetTempPath();

    private void Add(string name, GrantType type, SafeHandle handle, MemoryAccess access)
    {
        _handles.Add(NextSlot, handle);
        _grants.Add(new ManifestGrant(name, type, NextSlot, access));
    }
}
