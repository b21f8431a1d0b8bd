using System.Buffers.Binary;
using Microsoft.Win32.SafeHandles;

namespace Makatea.Platform.Linux;

/// <summary>The interrupts of a VFIO device: eventfds that the kernel rings.</summary>
internal sealed unsafe class VfioInterrupts(SafeFileHandle device) : IDisposable
{
    private readonly List<EventDoorbell> _doorbells = [];
    private uint? _enabled;

    /// <summary>Number of vectors of a kind.</summary>
    internal int Count(uint index)
    {
        Libc.VfioIrqInfo info = new() { Size = (uint)sizeof(Libc.VfioIrqInfo), Index = index };
        return !device.IsClosed && Libc.Ioctl(device, Libc.VFIO_DEVICE_GET_IRQ_INFO, &info) == 0 ? (int)Math.Min(info.Count, 2048) : 0;
    }

    /// <summary>Makes doorbells and has them rung.</summary>
    /// <exception cref="IOException">The host refuses.</exception>
    internal IReadOnlyList<EventDoorbell> Enable(uint index, int count)
    {
        Disable();
        try
        {
            byte[] descriptors = new byte[count * sizeof(int)];
            for (int i = 0; i < count; i++)
            {
                _doorbells.Add(EventDoorbell.Create());
                BinaryPrimitives.WriteInt32LittleEndian(descriptors.AsSpan(i * sizeof(int)), (int)_doorbells[i].Handle.DangerousGetHandle());
            }

            int errno = Set(index, Libc.VFIO_IRQ_SET_DATA_EVENTFD | Libc.VFIO_IRQ_SET_ACTION_TRIGGER, (uint)count, descriptors);
            _enabled = errno == 0 ? index
                : throw LinuxError.Io($"cannot take {count} interrupt vectors of the function into use", "VFIO_DEVICE_SET_IRQS", errno, errno == Errno.ENOSPC ? "the machine has no more; ask for fewer" : null);
            return [.. _doorbells];
        }
        catch
        {
            Release();
            throw;
        }
    }

    /// <summary>Lets the pin ring again.</summary>
    internal void Unmask(uint index) => Set(index, Libc.VFIO_IRQ_SET_DATA_NONE | Libc.VFIO_IRQ_SET_ACTION_UNMASK, 1, []);

    /// <summary>Gives all vectors up. A function that is gone has none any more.</summary>
    internal void Disable()
    {
        if (_enabled is { } index)
        {
            Set(index, Libc.VFIO_IRQ_SET_DATA_NONE | Libc.VFIO_IRQ_SET_ACTION_TRIGGER, 0, []);
            _enabled = null;
        }

        Release();
    }

    /// <inheritdoc/>
    public void Dispose() => Disable();

    private void Release()
    {
        _doorbells.ForEach(d => d.Dispose());
        _doorbells.Clear();
    }

    /// <returns>0, or the error number.</returns>
    private int Set(uint index, uint flags, uint count, ReadOnlySpan<byte> data)
    {
        if (device.IsClosed)
        {
            return Errno.ENODEV;
        }

        byte[] request = new byte[sizeof(Libc.VfioIrqSet) + data.Length];
        data.CopyTo(request.AsSpan(sizeof(Libc.VfioIrqSet)));
        fixed (byte* start = request)
        {
            *(Libc.VfioIrqSet*)start = new() { Size = (uint)request.Length, Flags = flags, Index = index, Count = count };
            return Libc.IoctlRetried(device, Libc.VFIO_DEVICE_SET_IRQS, start) < 0 ? Errno.Last : 0;
        }
    }
}
