namespace Makatea.Drivers.Nvme;

/// <summary>What a controller says that it is ([NVMe-2.1] Figure 313, Identify Controller).</summary>
public sealed record ControllerIdentity
{
    /// <summary>Serial number.</summary>
    public required string SerialNumber { get; init; }

    /// <summary>Model number.</summary>
    public required string ModelNumber { get; init; }

    /// <summary>Firmware revision.</summary>
    public required string FirmwareRevision { get; init; }

    /// <summary>Qualified name of the subsystem; empty in old controllers.</summary>
    public required string SubsystemName { get; init; }

    /// <summary>Major version of the standard in bits 31:16, minor in 15:8.</summary>
    public required uint Version { get; init; }

    /// <summary>Most bytes that one command transfers (MDTS); 0 for no limit.</summary>
    public required long MaxTransfer { get; init; }

    /// <summary>Highest namespace identifier.</summary>
    public required uint NamespaceCount { get; init; }

    /// <summary>There is a write cache that loses its contents with the power (VWC).</summary>
    public required bool HasVolatileCache { get; init; }

    /// <summary>Compare is done.</summary>
    public required bool SupportsCompare { get; init; }

    /// <summary>Deallocation is done.</summary>
    public required bool SupportsDeallocate { get; init; }

    /// <summary>Write Zeroes is done.</summary>
    public required bool SupportsWriteZeroes { get; init; }

    /// <summary>Doorbells can go through memory.</summary>
    public required bool SupportsShadowDoorbells { get; init; }

    /// <summary>Scatter-gather lists: how data must be aligned, 1 or 4 bytes; 0 where there are none.</summary>
    public required int SglAlignment { get; init; }

    /// <summary>Most entries of the error log.</summary>
    public required int ErrorLogEntries { get; init; }

    /// <summary>Most asynchronous event requests that may be outstanding.</summary>
    public required int EventRequests { get; init; }

    /// <summary>Optional events that the controller can report (OAES).</summary>
    public required uint OptionalEvents { get; init; }

    /// <summary>How long a normal shutdown takes at most (RTD3E); zero where it is not said.</summary>
    public required TimeSpan ShutdownTime { get; init; }

    /// <summary>Delays before a command is tried again, in units of 100 ms (CRDT1 to CRDT3).</summary>
    internal ushort[] RetryDelays { get; private init; } = [0, 0, 0, 0];

    /// <exception cref="NvmeException">The structure contradicts the standard.</exception>
    internal static ControllerIdentity Parse(ReadOnlySpan<byte> data)
    {
        var reader = new IdentifyReader(data);
        byte kind = reader.Byte(111);
        if (kind is 2 or 3)
        {
            throw new NvmeException(NvmeFault.Unsupported, $"the controller is for {(kind == 2 ? "discovery" : "administration")} only and has no blocks");
        }

        CheckEntrySize(reader.Byte(512), 6, "submission");
        CheckEntrySize(reader.Byte(513), 4, "completion");
        int transfer = reader.Byte(77);
        ushort commands = reader.UInt16(520);
        uint lists = reader.UInt32(536) & 3;
        return new ControllerIdentity
        {
            SerialNumber = reader.Text(4, 20),
            ModelNumber = reader.Text(24, 40),
            FirmwareRevision = reader.Text(64, 8),
            SubsystemName = reader.Text(768, 256),
            Version = reader.UInt32(80),
            // In units of the smallest page, 4 KiB in every controller that the driver runs. From 2^31 pages on it is no limit.
            MaxTransfer = transfer is 0 or > 30 ? 0 : 4096L << transfer,
            NamespaceCount = reader.UInt32(516),
            HasVolatileCache = (reader.Byte(525) & 1) != 0,
            SupportsCompare = (commands & (1 << 0)) != 0,
            SupportsDeallocate = (commands & (1 << 2)) != 0,
            SupportsWriteZeroes = (commands & (1 << 3)) != 0,
            SupportsShadowDoorbells = (reader.UInt16(256) & (1 << 8)) != 0,
            SglAlignment = lists switch { 1 => 1, 2 => 4, _ => 0 },
            ErrorLogEntries = reader.Byte(262) + 1,
            EventRequests = reader.Byte(259) + 1,
            OptionalEvents = reader.UInt32(92),
            ShutdownTime = TimeSpan.FromMicroseconds(reader.UInt32(88)),
            RetryDelays = [0, reader.UInt16(128), reader.UInt16(130), reader.UInt16(132)],
        };
    }

    private static void CheckEntrySize(byte sizes, int size, string queue)
    {
        if ((sizes & 0xf) > size || (sizes >> 4) < size)
        {
            throw new NvmeException(
                NvmeFault.Unsupported, $"entries of {queue} queues have 2^{sizes & 0xf} to 2^{sizes >> 4} bytes; those of 2^{size}, which the standard asks for, are used");
        }
    }
}
