namespace Makatea.Drivers.Nvme;

/// <summary>Commands of the admin queue ([NVMe-2.1] Figure 142).</summary>
internal enum AdminOpcode : byte
{
    DeleteSubmissionQueue = 0x00,
    CreateSubmissionQueue = 0x01,
    GetLogPage = 0x02,
    DeleteCompletionQueue = 0x04,
    CreateCompletionQueue = 0x05,
    Identify = 0x06,
    Abort = 0x08,
    SetFeatures = 0x09,
    GetFeatures = 0x0a,
    AsynchronousEventRequest = 0x0c,
    DoorbellBufferConfig = 0x7c,
}

/// <summary>Commands of I/O queues ([NVM-1.1] Figure 22).</summary>
internal enum NvmOpcode : byte
{
    Flush = 0x00,
    Write = 0x01,
    Read = 0x02,
    Compare = 0x05,
    WriteZeroes = 0x08,
    DatasetManagement = 0x09,
}

/// <summary>Features ([NVMe-2.1] Figure 402).</summary>
internal enum FeatureId : byte
{
    VolatileWriteCache = 0x06,
    NumberOfQueues = 0x07,
    AsynchronousEvents = 0x0b,
}

/// <summary>Log pages ([NVMe-2.1] Figure 202).</summary>
internal enum LogPage : byte
{
    Error = 0x01,
    Health = 0x02,
    FirmwareSlot = 0x03,
    ChangedNamespaces = 0x04,
}
