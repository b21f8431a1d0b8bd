using Makatea.Platform;

namespace Makatea.Virtio.Net;

/// <summary>How a network device is presented to its guest.</summary>
public sealed record VirtioNetOptions
{
    /// <summary>Most pairs of queues: vhost-user names queues by 8 bits.</summary>
    public const int MaxQueuePairs = 127;

    /// <summary>Name for logs and metrics.</summary>
    public required string Name { get; init; }

    /// <summary>The guest's address.</summary>
    public required MacAddress Address { get; init; }

    /// <summary>Largest payload of a frame in bytes, 68 to 65,535.</summary>
    public int Mtu { get; init; } = 1500;

    /// <summary>Number of pairs of queues, 1 to <see cref="MaxQueuePairs"/>.</summary>
    public int QueuePairs { get; init; } = 1;

    /// <summary>Largest queue size: a power of two, 2 to 32,768.</summary>
    public ushort MaxQueueSize { get; init; } = 1024;

    /// <summary>Speed of the link in Mbit/s that the guest sees; 0 where it is not known.</summary>
    public int LinkSpeed { get; init; }

    /// <summary>Offers checksum and segmentation offload, both ways.</summary>
    public bool Offloads { get; init; } = true;

    /// <summary>Offers a control virtqueue, and what is commanded by it. Front ends such as QEMU serve their own.</summary>
    public bool ControlQueue { get; init; } = true;

    /// <summary>The driver may choose another address by the control virtqueue. Not for guests that are to keep theirs.</summary>
    public bool AddressChanges { get; init; }

    /// <summary>Checks every option.</summary>
    /// <exception cref="ArgumentException">One is outside what is allowed; the message says what is.</exception>
    public void Check()
    {
        if (Address.IsMulticast || Address.Value == 0 || Address.Value > MacAddress.Broadcast.Value)
        {
            throw new ArgumentException($"address {Address} is not that of one station");
        }

        if (Mtu is < 68 or > 65535)
        {
            throw new ArgumentException($"MTU {Mtu} is not 68 to 65535");
        }

        if (QueuePairs is < 1 or > MaxQueuePairs)
        {
            throw new ArgumentException($"{QueuePairs} pairs of queues are not 1 to {MaxQueuePairs}");
        }

        if (MaxQueueSize < 2 || MaxQueueSize > 32768 || (MaxQueueSize & (MaxQueueSize - 1)) != 0)
        {
            throw new ArgumentException($"queue size {MaxQueueSize} is not a power of two from 2 to 32768");
        }

        if (LinkSpeed < 0)
        {
            throw new ArgumentException($"link speed {LinkSpeed} is negative");
        }
    }
}
