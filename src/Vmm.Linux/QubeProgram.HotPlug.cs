using Makatea.Platform;
using Makatea.Vmm.Linux.Monitor;
using Makatea.Vmm.Virtio;

namespace Makatea.Vmm.Linux;

/// <content>Devices that come and go while the qube runs, by the steps that QEMU has for devices of vhost-user: a socket, for a network interface an end of a network on it, and a device.</content>
internal sealed partial class QubeProgram
{
    private readonly Dictionary<string, string> _sockets = [];
    private readonly Dictionary<string, string> _netSockets = [];

    /// <summary>Names a socket on which a back end is found (<c>chardev-add</c>).</summary>
    public void AddSocket(string id, string path) => Add(_sockets, "socket", id, path);

    /// <summary>Forgets a socket (<c>chardev-remove</c>).</summary>
    public void RemoveSocket(string id) => Remove(_sockets, "socket", id);

    /// <summary>Names an end of a network (<c>netdev_add</c>).</summary>
    public void AddNetEnd(string id, string socketId) => Add(_netSockets, "network", id, Find(_sockets, "socket", socketId));

    /// <summary>Forgets an end of a network (<c>netdev_del</c>).</summary>
    public void RemoveNetEnd(string id) => Remove(_netSockets, "network", id);

    /// <summary>Attaches a disk (<c>device_add</c> of <c>vhost-user-blk-pci</c>).</summary>
    public void AttachDisk(string id, string socketId) => Attach(id, () => OpenDisk(Find(_sockets, "socket", socketId), id));

    /// <summary>Attaches a network interface (<c>device_add</c> of <c>virtio-net-pci</c>).</summary>
    public void AttachNet(string id, string netId, MacAddress address) => Attach(id, () => OpenNet(new NetOption(Find(_netSockets, "network", netId), address, IsServer: false), id));

    /// <summary>Asks the guest to give a device up (<c>device_del</c>). An event says when it has.</summary>
    public void Detach(string id)
    {
        lock (_control)
        {
            QubeDevice device = Array.Find(_devices, d => d.Id == id) ?? throw new MonitorException($"there is no device '{id}'", MonitorException.DeviceNotFound);
            try
            {
                _qube?.Detach(device.FrontEnd);
                device.IsLeaving = true;
            }
            catch (VirtioFrontEndException e)
            {
                throw new MonitorException($"device '{id}' cannot be given up: {e.Message}");
            }
        }
    }

    private void Attach(string id, Func<QubeDevice> open)
    {
        lock (_control)
        {
            if (Array.Exists(_devices, d => d.Id == id))
            {
                throw new MonitorException($"there is a device '{id}' already");
            }

            QubeDevice? device = null;
            try
            {
                device = open();
                _qube?.Attach(device.FrontEnd);
                _devices = [.. _devices, device];
            }
            catch (Exception e) when (e is VirtioFrontEndException or IOException)
            {
                device?.FrontEnd.Dispose();
                throw new MonitorException($"device '{id}' is not attached: {e.Message}");
            }
        }
    }

    /// <summary>Comes from a processor, which a pause waits for: what needs the lock is left to another thread.</summary>
    private void OnDetached(VirtioFrontEnd frontEnd) => _ = Task.Run(() =>
    {
        lock (_control)
        {
            Forget(Array.FindAll(_devices, d => d.FrontEnd == frontEnd));
        }
    });

    /// <summary>Devices for a qube that begins; those that were to leave the last one have left with it.</summary>
    private QubeDevice[] TakeDevices()
    {
        lock (_control)
        {
            Forget(Array.FindAll(_devices, d => d.IsLeaving));
            return _devices;
        }
    }

    private void Forget(QubeDevice[] devices)
    {
        _devices = [.. _devices.Except(devices)];
        foreach (QubeDevice device in devices)
        {
            device.FrontEnd.Dispose();
            Happened?.Invoke(MonitorEvent.DeviceDeleted(device.Id));
        }
    }

    private void Add(Dictionary<string, string> all, string kind, string id, string value)
    {
        lock (_control)
        {
            if (!all.TryAdd(id, value))
            {
                throw new MonitorException($"there is a {kind} '{id}' already");
            }
        }
    }

    private void Remove(Dictionary<string, string> all, string kind, string id)
    {
        lock (_control)
        {
            string path = Find(all, kind, id);
            if (Array.Exists(_devices, d => d.Id is not null && d.Socket == path))
            {
                throw new MonitorException($"{kind} '{id}' is in use");
            }

            all.Remove(id);
        }
    }

    private string Find(Dictionary<string, string> all, string kind, string id)
    {
        lock (_control)
        {
            return all.TryGetValue(id, out string? value) ? value : throw new MonitorException($"there is no {kind} '{id}'");
        }
    }
}
