using System.Globalization;
using Makatea.Platform;
using Makatea.Virtio;
using Makatea.Virtio.Net;
using Microsoft.Extensions.DependencyInjection;

[assembly: MakateaModule(typeof(NetModule))]

namespace Makatea.Virtio.Net;

/// <summary>Registers the backend <c>virtio-net</c>.</summary>
public sealed class NetModule : IMakateaModule
{
    /// <inheritdoc/>
    public void Configure(IServiceCollection services) => services.AddVirtioBackend<NetBackendFactory>("virtio-net");
}

/// <summary>
/// Makes network devices, whose <see cref="VirtioNetDevice.Port"/> the component connects. Options are <c>mac</c>, which has to be there, <c>mtu</c>, <c>queues</c> (pairs of them),
/// <c>queue-size</c> and <c>speed</c> in Mbit/s.
/// </summary>
internal sealed class NetBackendFactory : IVirtioBackend
{
    private static readonly string[] _names = ["mac", "mtu", "queues", "queue-size", "speed"];

    /// <inheritdoc/>
    public VirtioDevice Create(ManifestDevice device)
    {
        if (device.Options.Keys.FirstOrDefault(name => !_names.Contains(name)) is { } unknown)
        {
            throw new ArgumentException($"device '{device.Name}': option {unknown} is none of {string.Join(", ", _names)}");
        }

        if (!device.Options.TryGetValue("mac", out string? text) || !MacAddress.TryParse(text, out MacAddress address))
        {
            throw new ArgumentException($"device '{device.Name}': option mac is '{text}' and must be an address such as 52:54:00:12:34:56");
        }

        VirtioNetOptions options = new() { Name = device.Name, Address = address };
        options = options with
        {
            Mtu = Number(device, "mtu", options.Mtu),
            QueuePairs = Number(device, "queues", options.QueuePairs),
            MaxQueueSize = (ushort)Math.Clamp(Number(device, "queue-size", options.MaxQueueSize), 0, ushort.MaxValue),
            LinkSpeed = Number(device, "speed", options.LinkSpeed),
        };
        return new VirtioNetDevice(options);
    }

    private static int Number(ManifestDevice device, string name, int otherwise)
    {
        if (!device.Options.TryGetValue(name, out string? text))
        {
            return otherwise;
        }

        return int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int value)
            ? value
            : throw new ArgumentException($"device '{device.Name}': option {name} is '{text}' and must be a whole number");
    }
}
