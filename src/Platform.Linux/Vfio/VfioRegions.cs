using Microsoft.Win32.SafeHandles;

namespace Makatea.Platform.Linux;

/// <summary>The regions of a VFIO device: one for each base address register and one for configuration space, at offsets of its descriptor.</summary>
internal sealed unsafe class VfioRegions(SafeFileHandle device)
{
    private const int RoomForCapabilities = 1024;

    /// <summary>Asks what a region is. Its length is 0 where there is none.</summary>
    /// <param name="index">Its number.</param>
    /// <param name="isWhole">It can be mapped, and all of it.</param>
    internal Libc.VfioRegionInfo Describe(uint index, out bool isWhole)
    {
        Span<byte> room = stackalloc byte[RoomForCapabilities];
        room.Clear();
        fixed (byte* start = room)
        {
            Libc.VfioRegionInfo* info = (Libc.VfioRegionInfo*)start;
            info->Size = RoomForCapabilities;
            info->Index = index;
            if (Libc.Ioctl(device, Libc.VFIO_DEVICE_GET_REGION_INFO, info) < 0)
            {
                throw LinuxError.Io($"cannot ask for region {index} of the function", "VFIO_DEVICE_GET_REGION_INFO", Errno.Last);
            }

            bool hasHoles = (info->Flags & Libc.VFIO_REGION_INFO_FLAG_CAPS) != 0
                && !VfioCapabilities.Find(room, info->CapabilityOffset, Libc.VFIO_REGION_INFO_CAP_SPARSE_MMAP).IsEmpty;
            isWhole = (info->Flags & Libc.VFIO_REGION_INFO_FLAG_MMAP) != 0 && !hasHoles;
            return *info;
        }
    }

    /// <summary>Maps a region's registers.</summary>
    /// <exception cref="IOException">The host refuses.</exception>
    internal LinuxMappedMemory Map(Libc.VfioRegionInfo region) =>
        LinuxMappedMemory.Map(device, region.Offset, region.Length, 4096, Libc.PROT_READ | Libc.PROT_WRITE);

    /// <summary>Reads from the descriptor; all ones where the function does not answer.</summary>
    internal ulong Read(ulong offset, int width)
    {
        ulong value = 0;
        bool held = false;
        try
        {
            device.DangerousAddRef(ref held);
            return Libc.PRead((int)device.DangerousGetHandle(), (nint)(&value), (nuint)width, (long)offset) == width ? value : ulong.MaxValue >> (64 - (8 * width));
        }
        catch (ObjectDisposedException)
        {
            return ulong.MaxValue >> (64 - (8 * width));
        }
        finally
        {
            Release(held);
        }
    }

    /// <summary>Writes to the descriptor; nothing happens where the function does not answer.</summary>
    internal void Write(ulong offset, int width, ulong value)
    {
        bool held = false;
        try
        {
            device.DangerousAddRef(ref held);
            _ = Libc.PWrite((int)device.DangerousGetHandle(), (nint)(&value), (nuint)width, (long)offset);
        }
        catch (ObjectDisposedException)
        {
            // It was let go of.
        }
        finally
        {
            Release(held);
        }
    }

    private void Release(bool held)
    {
        if (held)
        {
            device.DangerousRelease();
        }
    }
}
