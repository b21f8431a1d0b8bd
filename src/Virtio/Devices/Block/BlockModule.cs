using System.Globalization;
using Makatea.Platform;
using Makatea.Virtio;
using Makatea.Virtio.Block;
using Microsoft.Extensions.DependencyInjection;

[assembly: MakateaModule(typeof(BlockModule))]

namespace Makatea.Virtio.Block;

/// <summary>Registers the backend <c>virtio-blk</c>.</summary>
public sealed class BlockModule : IMakateaModule
{
    /// <inheritdoc/>
    public void Configure(IServiceCollection services) => services.AddVirtioBackend<BlockBackend>("virtio-blk");
}

/// <summary>
/// Makes block devices. Its own options are <c>serial</c>, <c>queues</c>, <c>queue-size</c> and <c>poll-us</c>; the rest are those of the disk,
/// which the component's <see cref="IBlockDeviceOpener"/> opens.
/// </summary>
internal sealed class BlockBackend(IBlockDeviceOpener opener) : IVirtioBackend
{
    private static readonly string[] _names = ["serial", "queues", "queue-size", "poll-us"];

    /// <inheritdoc/>
    public VirtioDevice Create(ManifestDevice device)
    {
        VirtioBlockOptions options = new() { Name = device.Name };
        if (device.Options.TryGetValue("serial", out string? serial))
        {
            options = options with { Serial = serial };
        }

        options = options with
        {
            QueueCount = Number(device, "queues", options.QueueCount),
            MaxQueueSize = (ushort)Math.Clamp(Number(device, "queue-size", options.MaxQueueSize), 0, ushort.MaxValue),
            PollTime = TimeSpan.FromMicroseconds(Number(device, "poll-us", (int)options.PollTime.TotalMicroseconds)),
        };
        options.Check();
        return new VirtioBlockDevice(opener.Open(device, _names), options);
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
