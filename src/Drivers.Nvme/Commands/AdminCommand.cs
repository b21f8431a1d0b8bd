namespace Makatea.Drivers.Nvme;

/// <summary>The admin commands that the driver sends; identifier and data pointer are the admin queue's to fill in.</summary>
internal static class AdminCommand
{
    /// <summary>All namespaces.</summary>
    internal const uint AllNamespaces = uint.MaxValue;

    /// <summary>Identify ([NVMe-2.1] 5.1.13): 4096 bytes of the structure <paramref name="cns"/>.</summary>
    internal static SubmissionEntry Identify(byte cns, uint namespaceId = 0, byte commandSet = 0) =>
        Of(AdminOpcode.Identify) with { NamespaceId = namespaceId, Dword10 = cns, Dword11 = (uint)commandSet << 24 };

    /// <summary>Get Log Page ([NVMe-2.1] 5.1.12).</summary>
    /// <param name="page">Which.</param>
    /// <param name="length">Bytes, a multiple of 4, not 0.</param>
    /// <param name="keepEvent">Reading does not clear the event that the page belongs to (RAE).</param>
    internal static SubmissionEntry GetLogPage(LogPage page, int length, bool keepEvent)
    {
        uint dwords = (uint)(length / 4) - 1;
        return Of(AdminOpcode.GetLogPage) with
        {
            NamespaceId = AllNamespaces,
            Dword10 = (uint)page | (keepEvent ? 1u << 15 : 0) | (dwords << 16),
            Dword11 = dwords >> 16,
        };
    }

    /// <summary>Set Features ([NVMe-2.1] 5.1.25), not saved.</summary>
    internal static SubmissionEntry SetFeatures(FeatureId feature, uint value) =>
        Of(AdminOpcode.SetFeatures) with { Dword10 = (uint)feature, Dword11 = value };

    /// <summary>Get Features ([NVMe-2.1] 5.1.11), the current value.</summary>
    internal static SubmissionEntry GetFeatures(FeatureId feature) => Of(AdminOpcode.GetFeatures) with { Dword10 = (uint)feature };

    /// <summary>Create I/O Completion Queue ([NVMe-2.1] 5.2.1), contiguous.</summary>
    /// <param name="queue">Its identifier.</param>
    /// <param name="entries">How many.</param>
    /// <param name="iova">Where it lies.</param>
    /// <param name="vector">Its interrupt, or -1 for none.</param>
    internal static SubmissionEntry CreateCompletionQueue(int queue, int entries, ulong iova, int vector) =>
        Of(AdminOpcode.CreateCompletionQueue) with
        {
            Data1 = iova,
            Dword10 = QueueSize(queue, entries),
            Dword11 = vector < 0 ? 1 : ((uint)vector << 16) | 3,
        };

    /// <summary>Create I/O Submission Queue ([NVMe-2.1] 5.2.2), contiguous, of the completion queue with the same identifier.</summary>
    internal static SubmissionEntry CreateSubmissionQueue(int queue, int entries, ulong iova) =>
        Of(AdminOpcode.CreateSubmissionQueue) with { Data1 = iova, Dword10 = QueueSize(queue, entries), Dword11 = ((uint)queue << 16) | 1 };

    /// <summary>Delete I/O Submission Queue ([NVMe-2.1] 5.2.4); first.</summary>
    internal static SubmissionEntry DeleteSubmissionQueue(int queue) => Of(AdminOpcode.DeleteSubmissionQueue) with { Dword10 = (uint)queue };

    /// <summary>Delete I/O Completion Queue ([NVMe-2.1] 5.2.3); second.</summary>
    internal static SubmissionEntry DeleteCompletionQueue(int queue) => Of(AdminOpcode.DeleteCompletionQueue) with { Dword10 = (uint)queue };

    /// <summary>Abort ([NVMe-2.1] 5.1.1): bit 0 of the result is set where the command was not aborted.</summary>
    internal static SubmissionEntry Abort(int queue, ushort commandId) =>
        Of(AdminOpcode.Abort) with { Dword10 = ((uint)commandId << 16) | (uint)queue };

    /// <summary>Asynchronous Event Request ([NVMe-2.1] 5.1.2): completes when something happened.</summary>
    internal static SubmissionEntry AsynchronousEventRequest() => Of(AdminOpcode.AsynchronousEventRequest);

    /// <summary>Doorbell Buffer Config ([NVMe-2.1] 5.2.5).</summary>
    internal static SubmissionEntry DoorbellBufferConfig(ulong doorbells, ulong eventIndices) =>
        Of(AdminOpcode.DoorbellBufferConfig) with { Data1 = doorbells, Data2 = eventIndices };

    private static SubmissionEntry Of(AdminOpcode opcode) => new() { Command = (uint)opcode };

    private static uint QueueSize(int queue, int entries) => ((uint)(entries - 1) << 16) | (uint)queue;
}
