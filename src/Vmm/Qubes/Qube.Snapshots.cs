using Makatea.Platform;
using Makatea.Vmm.Boot;
using Makatea.Vmm.Snapshots;
using Makatea.Vmm.Virtio;

namespace Makatea.Vmm;

/// <content>Into a file, and out of one.</content>
public sealed partial class Qube
{
    private readonly Lock _control = new();

    private IEnumerable<ISuspendable> Suspendables => [.. _devices.Pci.Functions.OfType<ISuspendable>(), .. _mmioDevices.Devices];

    /// <summary>Writes all of it into a file, from which another goes on. It stands still meanwhile, and then goes on too, unless it was paused.</summary>
    /// <param name="file">An empty file that can be written anywhere; stays the caller's. Its memory is as long as the guest's, where zeroes are left out.</param>
    /// <exception cref="VirtioFrontEndException">A device cannot say where it stands, or does not go on; the guest is told of the latter.</exception>
    /// <exception cref="InvalidOperationException">The qube has ended.</exception>
    /// <exception cref="IOException">The file cannot be written.</exception>
    public void Save(Stream file)
    {
        ArgumentNullException.ThrowIfNull(file);
        lock (_control)
        {
            bool wasPaused = _isPaused;
            if (!wasPaused)
            {
                Pause();
            }

            try
            {
                _deadlines.WaitUntilIdle();
                SaveStill(file);
            }
            finally
            {
                if (!wasPaused)
                {
                    Resume();
                }
            }
        }
    }

    private static void Check(MachineState? saved, QubeOptions options)
    {
        if (saved is not { } machine)
        {
            return;
        }

        AddressRange window = options.Layout.HighDeviceWindow;
        string? difference =
            machine.Processors != options.Processors ? $"{machine.Processors} processors, and the qube has {options.Processors}"
            : machine.Transport != options.Transport ? $"devices by {machine.Transport}, and the qube has them by {options.Transport}"
            : machine.Slots.Count != options.Devices.Count ? $"{machine.Slots.Count} devices, and the qube has {options.Devices.Count}"
            : machine.HighWindow != (window.First, window.Length) ? $"registers of devices at 0x{machine.HighWindow.First:x}, and the qube has them at 0x{window.First:x}: its processor addresses another amount of memory"
            : machine.Slots.Distinct().Count() != machine.Slots.Count || machine.Slots.Contains(0) != (machine.Transport == VirtioTransport.Mmio && machine.Slots.Count != 0) ? "devices in one place"
            : null;
        if (difference is not null)
        {
            throw new InvalidDataException($"the snapshot has {difference}");
        }
    }

    private static void SetTscFrequency(VirtualCpu cpu, MachineState? saved)
    {
        if (saved is { } machine && machine.TscFrequency != cpu.TscFrequency && !cpu.TrySetTscFrequency(machine.TscFrequency))
        {
            throw new InvalidDataException($"the snapshot's time stamp counter counts {machine.TscFrequency} in a second; this processor's counts {cpu.TscFrequency} and cannot be scaled");
        }
    }

    private void SaveStill(Stream file)
    {
        List<ISuspendable> suspended = [];
        try
        {
            foreach (ISuspendable device in Suspendables)
            {
                device.Suspend();
                suspended.Add(device);
            }

            Snapshot.Write(file, _options.Memory, Describe(), writer =>
            {
                foreach ((string name, ISavedState device) in Saved)
                {
                    writer.Write(name, device.Save);
                }
            });
        }
        finally
        {
            suspended.ForEach(device => device.Resume());
        }
    }

    /// <summary>Everything with a state, in the order in which it is restored: lines come before the I/O APIC, which sends nothing till then, and processors take what was sent last.</summary>
    private IEnumerable<(string Name, ISavedState Device)> Saved =>
    [
        .. _devices.Saved,
        .. _mmioDevices.Devices.Select((device, i) => ($"virtio {i}", (ISavedState)device)),
        ("i/o apic", _ioApic),
        .. _processors.Select((processor, i) => ($"processor {i}", (ISavedState)processor)),
    ];

    private MachineState Describe() => new()
    {
        Processors = _processors.Length,
        Transport = _options.Transport,
        Slots = _options.Transport == VirtioTransport.Mmio ? [.. _mmioDevices.Devices.Select((_, i) => i)] : _devices.Pci.DeviceSlots,
        HighWindow = (_options.Layout.HighDeviceWindow.First, _options.Layout.HighDeviceWindow.Length),
        Time = _clock.Now,
        HostClock = _hostClock,
        TscFrequency = _cpus[0].TscFrequency,
        Tscs = _tscs,
        Cpuid = Cpuid.For(0),
    };

    /// <summary>Counters go on while they are read: what each shows when the last one was read.</summary>
    private ulong[] ReadTscs()
    {
        long[] times = new long[_cpus.Length];
        ulong[] counts = new ulong[_cpus.Length];
        for (int i = 0; i < counts.Length; i++)
        {
            counts[i] = _cpus[i].Tsc;
            times[i] = _options.Time.GetTimestamp();
        }

        return [.. counts.Select((count, i) => count + (ulong)(_options.Time.GetElapsedTime(times[i], times[^1]).TotalSeconds * _cpus[i].TscFrequency))];
    }

    private void Restore(Snapshot snapshot)
    {
        _clock.Pause();
        _hostClock = snapshot.Machine.HostClock;
        _tscs = snapshot.Machine.Tscs;
        snapshot.Restore(_options.Memory, reader =>
        {
            foreach ((string name, ISavedState device) in Saved)
            {
                reader.Read(name, device.Restore);
            }
        });
        foreach (ISuspendable device in Suspendables)
        {
            device.Resume();
        }
    }
}
