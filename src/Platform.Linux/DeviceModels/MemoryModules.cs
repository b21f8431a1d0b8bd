using System.Globalization;
using System.Text.Json.Nodes;
using Microsoft.Win32.SafeHandles;

namespace Makatea.Platform.Linux;

/// <summary>
/// Shared memory of other processes, plugged into a machine of device models as memory modules, so that the models reach it without copying: each object once, whole, for as
/// long as a part of it is in use. Not for several threads at a time.
/// </summary>
internal sealed class MemoryModules(QemuMonitor monitor, RegisterSpace ports)
{
    /// <summary>Slots of the machine.</summary>
    public const int Slots = 240;

    /// <summary>Most memory that the modules can have together, in bytes.</summary>
    public const ulong MaxMemory = 64ul << 30;

    // ACPI's memory hot-plug registers of a PC (QEMU, docs/specs/acpi_mem_hotplug).
    private const ulong SlotSelector = 0xa00;
    private const ulong SlotControl = 0xa14;
    private const byte Eject = 1 << 3;
    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(10);

    private readonly List<Module> _modules = [];
    private int _named;

    /// <summary>Takes a part of a memory object into use.</summary>
    /// <param name="file">The object.</param>
    /// <param name="offset">Where the part starts in it, in bytes.</param>
    /// <param name="length">Length of the part.</param>
    /// <returns>Its physical address.</returns>
    /// <exception cref="DmaException">It is no memory that a model can be given, or there is no slot left; the message says which.</exception>
    public ulong Plug(SafeFileHandle file, ulong offset, ulong length)
    {
        SharedFile memory = SharedFile.Inspect(file);
        if (!memory.IsSealed)
        {
            throw new DmaException("memory that its owner can truncate would take the device models down with it; seal it with F_SEAL_SHRINK (QEMU: memory-backend-memfd)");
        }

        ulong size = memory.Size & ~(memory.PageSize - 1);
        if (offset > size || length > size - offset)
        {
            throw new DmaException($"0x{length:x} bytes at 0x{offset:x} are not in whole pages of a memory object of 0x{memory.Size:x}");
        }

        (ulong Device, ulong Inode) identity = Identify(file);
        Module? module = _modules.Find(m => m.Identity == identity);
        if (module is null)
        {
            module = Insert(file, identity, size);
            _modules.Add(module);
        }

        module.Users++;
        return module.Address + offset;
    }

    /// <summary>Ends a use.</summary>
    /// <param name="address">What <see cref="Plug"/> gave.</param>
    /// <returns>False where it gave no such thing.</returns>
    public bool Unplug(ulong address)
    {
        Module? module = _modules.Find(m => address >= m.Address && address - m.Address < m.Size);
        if (module is null)
        {
            return false;
        }

        if (--module.Users == 0)
        {
            _modules.Remove(module);
            Remove(module);
        }

        return true;
    }

    private static (ulong Device, ulong Inode) Identify(SafeFileHandle file) =>
        Libc.StatxAt(file, "", Libc.AT_EMPTY_PATH, Libc.STATX_BASIC_STATS, out Libc.Statx status) < 0
            ? throw LinuxError.Grant("cannot look at the granted memory", "statx", Errno.Last)
            : (((ulong)status.DeviceMajor << 32) | status.DeviceMinor, status.Inode);

    private Module Insert(SafeFileHandle file, (ulong Device, ulong Inode) identity, ulong size)
    {
        if (_modules.Count == Slots)
        {
            throw new DmaException($"all {Slots} memory slots of the machine are in use");
        }

        string id = string.Create(CultureInfo.InvariantCulture, $"module{_named++}");
        try
        {
            monitor.Execute("object-add", new JsonObject
            {
                ["qom-type"] = "memory-backend-file",
                ["id"] = $"{id}-memory",
                ["mem-path"] = string.Create(CultureInfo.InvariantCulture, $"/proc/{Environment.ProcessId}/fd/{file.DangerousGetHandle()}"),
                ["size"] = size,
                ["share"] = true,
            });
            try
            {
                monitor.Execute("device_add", new JsonObject { ["driver"] = "pc-dimm", ["id"] = id, ["memdev"] = $"{id}-memory" });
            }
            catch (IOException)
            {
                monitor.Execute("object-del", new JsonObject { ["id"] = $"{id}-memory" });
                throw;
            }
        }
        catch (IOException e)
        {
            throw new DmaException($"0x{size:x} bytes of memory cannot be plugged into the machine of the device models: {e.Message}", e);
        }

        JsonNode data = monitor.Execute("query-memory-devices")!.AsArray().Select(d => d!["data"]!).First(d => d["id"]!.GetValue<string>() == id);
        return new Module(id, identity, data["addr"]!.GetValue<ulong>(), size, data["slot"]!.GetValue<uint>());
    }

    private void Remove(Module module)
    {
        monitor.Execute("device_del", new JsonObject { ["id"] = module.Id });
        ports.WriteUInt32(SlotSelector, module.Slot);
        ports.WriteByte(SlotControl, Eject);
        while (monitor.WaitForEvent("DEVICE_DELETED", _patience)?["device"]?.GetValue<string>() != module.Id)
        {
            // Another device's.
        }

        monitor.Execute("object-del", new JsonObject { ["id"] = $"{module.Id}-memory" });
    }

    private sealed class Module(string id, (ulong Device, ulong Inode) identity, ulong address, ulong size, uint slot)
    {
        public string Id => id;

        public (ulong Device, ulong Inode) Identity => identity;

        public ulong Address => address;

        public ulong Size => size;

        public uint Slot => slot;

        public int Users { get; set; }
    }
}
