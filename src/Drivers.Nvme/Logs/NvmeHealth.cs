using Makatea.Platform;

namespace Makatea.Drivers.Nvme;

/// <summary>The SMART / Health Information log ([NVMe-2.1] Figure 206).</summary>
public sealed record NvmeHealth
{
    /// <summary>What is wrong.</summary>
    public required NvmeWarnings Warnings { get; init; }

    /// <summary>Temperature in kelvins.</summary>
    public required int Temperature { get; init; }

    /// <summary>Spare blocks left, in percent.</summary>
    public required int AvailableSpare { get; init; }

    /// <summary>Below so many percent of spare blocks it warns.</summary>
    public required int SpareThreshold { get; init; }

    /// <summary>Percentage of its life that is used, up to 255.</summary>
    public required int PercentageUsed { get; init; }

    /// <summary>Read, in thousands of 512 bytes.</summary>
    public required ulong DataUnitsRead { get; init; }

    /// <summary>Written, in thousands of 512 bytes.</summary>
    public required ulong DataUnitsWritten { get; init; }

    /// <summary>Read commands.</summary>
    public required ulong ReadCommands { get; init; }

    /// <summary>Write commands.</summary>
    public required ulong WriteCommands { get; init; }

    /// <summary>Power cycles.</summary>
    public required ulong PowerCycles { get; init; }

    /// <summary>Hours of power.</summary>
    public required ulong PowerOnHours { get; init; }

    /// <summary>How often power was lost without notice.</summary>
    public required ulong UnsafeShutdowns { get; init; }

    /// <summary>How often data could not be read back whole.</summary>
    public required ulong MediaErrors { get; init; }

    /// <summary>Entries ever made in the error log.</summary>
    public required ulong ErrorLogEntries { get; init; }

    /// <summary>The same in the words of the block contract.</summary>
    public BlockLifetime Lifetime
    {
        get
        {
            ushort estimate = (ushort)Math.Min(11, 1 + (PercentageUsed / 10));
            bool spareIsLow = (Warnings & (NvmeWarnings.SpareIsLow | NvmeWarnings.Unreliable | NvmeWarnings.ReadOnly)) != 0;
            return new BlockLifetime((ushort)(spareIsLow || PercentageUsed >= 90 ? 3 : PercentageUsed >= 80 ? 2 : 1), estimate, estimate);
        }
    }

    internal static NvmeHealth Parse(ReadOnlySpan<byte> data)
    {
        var reader = new IdentifyReader(data);
        return new NvmeHealth
        {
            Warnings = (NvmeWarnings)reader.Byte(0),
            Temperature = reader.UInt16(1),
            AvailableSpare = reader.Byte(3),
            SpareThreshold = reader.Byte(4),
            PercentageUsed = reader.Byte(5),
            DataUnitsRead = reader.Counter(32),
            DataUnitsWritten = reader.Counter(48),
            ReadCommands = reader.Counter(64),
            WriteCommands = reader.Counter(80),
            PowerCycles = reader.Counter(112),
            PowerOnHours = reader.Counter(128),
            UnsafeShutdowns = reader.Counter(144),
            MediaErrors = reader.Counter(160),
            ErrorLogEntries = reader.Counter(176),
        };
    }
}

/// <summary>Critical warnings of <see cref="NvmeHealth"/>.</summary>
[Flags]
public enum NvmeWarnings : byte
{
    /// <summary>Nothing.</summary>
    None = 0,

    /// <summary>Few spare blocks are left.</summary>
    SpareIsLow = 1 << 0,

    /// <summary>Too hot or too cold.</summary>
    Temperature = 1 << 1,

    /// <summary>Reliability suffers from errors of the media or inside.</summary>
    Unreliable = 1 << 2,

    /// <summary>The media can only be read.</summary>
    ReadOnly = 1 << 3,

    /// <summary>The device that keeps the cache over power loss failed.</summary>
    BackupFailed = 1 << 4,

    /// <summary>Persistent memory can only be read or is unreliable.</summary>
    PersistentMemory = 1 << 5,
}
