using Microsoft.Win32.SafeHandles;

namespace Makatea.Platform.Linux;

/// <summary>A doorbell that KVM rings for a guest's write, until disposed.</summary>
internal sealed unsafe class KvmDoorbell : IDisposable
{
    private readonly SafeFileHandle _machine;
    private readonly SafeFileHandle _doorbell;
    private readonly Libc.KvmIoEventFd _request;

    private KvmDoorbell(SafeFileHandle machine, SafeFileHandle doorbell, in Libc.KvmIoEventFd request)
    {
        _machine = machine;
        _doorbell = doorbell;
        _request = request;
    }

    /// <summary>Attaches a doorbell.</summary>
    /// <exception cref="ArgumentException">The trigger is none, or the doorbell is no eventfd.</exception>
    /// <exception cref="IOException">The kernel refuses it.</exception>
    internal static KvmDoorbell Attach(SafeFileHandle machine, DoorbellTrigger trigger, Doorbell doorbell)
    {
        bool isWidthKnown = trigger.Width is 1 or 2 or 4 || (trigger.Width == 8 && !trigger.IsPort) || (trigger.Width == 0 && trigger.Value is null);
        if (!isWidthKnown || (trigger.IsPort && trigger.Address > ushort.MaxValue) || (trigger.Value is ulong v && trigger.Width < 8 && v >> (8 * trigger.Width) != 0))
        {
            throw new ArgumentException(
                $"{trigger} is no trigger: a width is 1, 2, 4, or 8 in memory, or 0 without a value; the value fits it", nameof(trigger));
        }

        EventDoorbell bell = doorbell as EventDoorbell
            ?? throw new ArgumentException($"{doorbell.GetType()} is no eventfd, which KVM could ring", nameof(doorbell));

        // One of our own: the same eventfd has to be named to detach it.
        SafeFileHandle ours = LinuxGrant.Duplicate(bell.Handle);
        Libc.KvmIoEventFd request = new()
        {
            Address = trigger.Address,
            Length = (uint)trigger.Width,
            DataMatch = trigger.Value ?? 0,
            EventFd = (int)ours.DangerousGetHandle(),
            Flags = (trigger.IsPort ? Libc.KVM_IOEVENTFD_FLAG_PIO : 0) | (trigger.Value is null ? 0 : Libc.KVM_IOEVENTFD_FLAG_DATAMATCH),
        };
        if (Libc.IoctlRetried(machine, Libc.KVM_IOEVENTFD, &request) < 0)
        {
            int errno = Errno.Last;
            ours.Dispose();
            throw LinuxError.Io($"cannot attach a doorbell to {trigger}", "KVM_IOEVENTFD", errno, errno switch
            {
                Errno.EEXIST => "another doorbell has it",
                Errno.ENOSPC => "there are too many (about 1,000)",
                _ => null,
            });
        }

        return new(machine, ours, request);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_doorbell.IsClosed)
        {
            return;
        }

        // Fails where the machine is gone, and its doorbells with it.
        if (!_machine.IsClosed)
        {
            Libc.KvmIoEventFd request = _request;
            request.Flags |= Libc.KVM_IOEVENTFD_FLAG_DEASSIGN;
            _ = Libc.IoctlRetried(_machine, Libc.KVM_IOEVENTFD, &request);
        }

        _doorbell.Dispose();
    }
}
