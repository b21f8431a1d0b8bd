using System.Text.Json.Serialization;
using Makatea.Vmm.Policy;

namespace Makatea.Vmm.Linux.Monitor;

/// <summary>What a qube is and has: the answer to <c>x-makatea-info</c>.</summary>
/// <param name="Status">How it is, by QEMU's names.</param>
/// <param name="MemoryBytes">Its memory.</param>
/// <param name="TscFrequency">What its time stamp counter counts in a second; null, as processors and mitigations are none, in between a reset and the start behind it.</param>
/// <param name="IsEmulated">The host's processor has neither VT-x nor SVM.</param>
/// <param name="Processors">Its processors.</param>
/// <param name="Devices">Its devices.</param>
/// <param name="ConsoleLost">Bytes of the console that nobody took in time since its start.</param>
/// <param name="Mitigations">How it stands against flaws of the host's processors.</param>
internal sealed record QubeInfo(
    string Status, ulong MemoryBytes, ulong? TscFrequency, bool IsEmulated, IReadOnlyList<ProcessorInfo> Processors, IReadOnlyList<DeviceInfo> Devices, long ConsoleLost, IReadOnlyList<Mitigation> Mitigations)
{
    /// <summary>Of a program's qube.</summary>
    public static QubeInfo Of(QubeProgram program)
    {
        var info = new QubeInfo(
            program.Status, program.Memory.Regions.Aggregate(0ul, (sum, region) => sum + region.Length), null, program.Info.IsEmulated, [], [.. program.Devices.Select(DeviceInfo.Of)], 0, []);
        return program.Look(
            qube => info with
            {
                TscFrequency = qube.TscFrequency,
                Processors = [.. qube.Processors.Select(p => new ProcessorInfo(p.Apic.Id, p.State, p.Exits))],
                ConsoleLost = qube.Console.Lost,
                Mitigations = Policy.Mitigations.Report(program.Info, qube.Cpuid),
            },
            info);
    }
}

/// <summary>A processor of a qube.</summary>
/// <param name="Id">Its APIC ID.</param>
/// <param name="State">What it does.</param>
/// <param name="Exits">How often it left the guest since its start.</param>
internal sealed record ProcessorInfo(uint Id, ProcessorState State, long Exits);

/// <summary>A device of a qube.</summary>
/// <param name="Kind">What it is.</param>
/// <param name="Socket">Path of its back end's socket.</param>
/// <param name="Queues">Number of its queues.</param>
/// <param name="Features">Features that it offers, as virtio has them.</param>
internal sealed record DeviceInfo(string Kind, string Socket, int Queues, string Features)
{
    /// <summary>Of a device.</summary>
    public static DeviceInfo Of(QubeDevice device) => new(device.Kind, device.Socket, device.FrontEnd.QueueSizes.Count, $"0x{device.FrontEnd.Features:x}");
}

/// <summary>Makes JSON of it, in the way of QMP.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.KebabCaseLower, Converters = [typeof(KebabCaseEnum<ProcessorState>), typeof(KebabCaseEnum<MitigationState>)])]
[JsonSerializable(typeof(QubeInfo))]
internal sealed partial class QubeInfoJson : JsonSerializerContext;

/// <summary>Enumerations as words in lower case.</summary>
internal sealed class KebabCaseEnum<T>() : JsonStringEnumConverter<T>(System.Text.Json.JsonNamingPolicy.KebabCaseLower)
    where T : struct, Enum;
