using Makatea.Virtio.Testing;

namespace Makatea.Compare;

/// <summary>What is measured.</summary>
/// <param name="Device">What is behind the back end.</param>
/// <param name="Operation">What the front end asks for, 4 KiB at a random place each time.</param>
/// <param name="Depth">Requests that each queue has outstanding.</param>
/// <param name="Queues">Number of queues.</param>
internal sealed record Scenario(DeviceKind Device, BlkRequestType Operation, int Depth, int Queues)
{
    public override string ToString() => $"{Device.ToString().ToLowerInvariant()} {Operation.ToString().ToLowerInvariant()} depth {Depth} queues {Queues}";
}

/// <summary>What is behind a back end.</summary>
internal enum DeviceKind
{
    /// <summary>A file in memory (tmpfs).</summary>
    Ram,

    /// <summary>Nothing: requests end at once.</summary>
    Null,
}
