using Makatea.Platform;

namespace Makatea.Drivers.Iommu;

/// <summary>A device that firmware names by the way to it ([VT-d-4.1] 8.3.1).</summary>
/// <param name="Kind">What it is.</param>
/// <param name="EnumerationId">Number of an I/O APIC or HPET; else 0.</param>
/// <param name="Segment">PCI segment group.</param>
/// <param name="StartBus">Bus where the way starts.</param>
/// <param name="Path">Device and function of each bridge on the way, and of the device at its end.</param>
public sealed record DeviceScope(DeviceScopeKind Kind, byte EnumerationId, ushort Segment, byte StartBus, IReadOnlyList<(byte Device, byte Function)> Path)
{
    private const int HeaderLength = 6;

    /// <summary>Finds the device.</summary>
    /// <returns>Where it is; null where a bridge on the way is missing.</returns>
    public PciAddress? Resolve(PciBridgeReader bridges)
    {
        ArgumentNullException.ThrowIfNull(bridges);
        byte bus = StartBus;
        foreach ((byte device, byte function) in Path.SkipLast(1))
        {
            if (bridges(new(Segment, bus, device, function)) is not { } behind)
            {
                return null;
            }

            bus = behind.Secondary;
        }

        return new PciAddress(Segment, bus, Path[^1].Device, Path[^1].Function);
    }

    /// <summary>The function is the device, or lies behind it where it is a bridge.</summary>
    public bool Covers(PciAddress function, PciBridgeReader bridges)
    {
        ArgumentNullException.ThrowIfNull(bridges);
        return function.Segment == Segment && Kind is DeviceScopeKind.Endpoint or DeviceScopeKind.Bridge && Resolve(bridges) is { } device
            && (device == function || (Kind == DeviceScopeKind.Bridge && bridges(device) is { } behind && function.Bus >= behind.Secondary && function.Bus <= behind.Subordinate));
    }

    /// <summary>Reads the scopes at the end of a structure.</summary>
    /// <exception cref="InvalidDataException">They are broken; the message says how.</exception>
    internal static IReadOnlyList<DeviceScope> ReadAll(ReadOnlySpan<byte> rest, ushort segment)
    {
        List<DeviceScope> scopes = [];
        while (!rest.IsEmpty)
        {
            int length = rest.Length >= HeaderLength ? rest[1] : 0;
            if (length < HeaderLength + 2 || length > rest.Length || length % 2 != 0)
            {
                throw DmarTable.Broken($"a device scope has {length} bytes where even numbers from {HeaderLength + 2} to {rest.Length} are possible");
            }

            List<(byte, byte)> path = [];
            for (int i = HeaderLength; i < length; i += 2)
            {
                path.Add(rest[i] < 32 && rest[i + 1] < 8
                    ? (rest[i], rest[i + 1])
                    : throw DmarTable.Broken($"a device scope names device {rest[i]}, function {rest[i + 1]}; there are 32 and 8"));
            }

            scopes.Add(new DeviceScope((DeviceScopeKind)rest[0], rest[4], segment, rest[5], path));
            rest = rest[length..];
        }

        return scopes;
    }
}
