using System.Runtime.InteropServices;

namespace Makatea.Drivers.Nvme;

/// <summary>How a controller ended a command: the status field without its phase tag ([NVMe-2.1] 4.2.3).</summary>
/// <param name="Value">Status code in 7:0, status code type in 10:8, retry delay in 12:11, More in 13, Do Not Retry in 14.</param>
[StructLayout(LayoutKind.Sequential)]
public readonly record struct NvmeStatus(ushort Value)
{
    /// <summary>Done.</summary>
    public static readonly NvmeStatus Success;

    /// <summary>Generic: a field of the command is not supported.</summary>
    public static readonly NvmeStatus InvalidField = new(0x002);

    /// <summary>Generic: the command was aborted on request.</summary>
    public static readonly NvmeStatus AbortRequested = new(0x007);

    /// <summary>Generic: blocks beyond the end.</summary>
    public static readonly NvmeStatus LbaOutOfRange = new(0x080);

    /// <summary>Generic: the namespace is not ready.</summary>
    public static readonly NvmeStatus NamespaceNotReady = new(0x082);

    /// <summary>Media: the data was not written.</summary>
    public static readonly NvmeStatus WriteFault = new(0x280);

    /// <summary>Media: the data could not be read.</summary>
    public static readonly NvmeStatus UnrecoveredRead = new(0x281);

    /// <summary>Media: a compare found a difference.</summary>
    public static readonly NvmeStatus CompareFailure = new(0x285);

    /// <summary>Path: the host aborted the command; also what the driver notes for a command that it gave up.</summary>
    public static readonly NvmeStatus HostAborted = new(0x371);

    /// <summary>Type and code, without the bits that say what to do next.</summary>
    public int Code => Value & 0x7ff;

    /// <summary>Status code type: 0 generic, 1 specific to the command, 2 media and data integrity, 3 path, 7 vendor.</summary>
    public int Type => (Value >> 8) & 7;

    /// <summary>Trying again will end the same way.</summary>
    public bool DoNotRetry => (Value & 0x4000) != 0;

    /// <summary>Which of the controller's retry delays (CRDT1 to CRDT3) applies; 0 for none.</summary>
    internal int RetryDelay => (Value >> 11) & 3;

    /// <inheritdoc/>
    public override string ToString() => Code switch
    {
        0x000 => "success",
        0x001 => "invalid opcode",
        0x002 => "invalid field",
        0x004 => "data transfer error",
        0x006 => "internal error",
        0x007 => "aborted on request",
        0x008 => "aborted as its queue was deleted",
        0x00b => "invalid namespace or format",
        0x013 => "invalid PRP offset",
        0x080 => "blocks out of range",
        0x081 => "capacity exceeded",
        0x082 => "namespace not ready",
        0x101 => "invalid queue identifier",
        0x102 => "invalid queue size",
        0x108 => "invalid interrupt vector",
        0x109 => "invalid log page",
        0x182 => "write to a read-only range",
        0x280 => "write fault",
        0x281 => "unrecovered read error",
        0x285 => "compare failure",
        0x371 => "given up by the driver",
        _ => $"status type {Type}, code 0x{Value & 0xff:x2}",
    };
}
