using System.Text.Json.Serialization;

namespace Makatea.Imaging;

/// <summary>What an image is made of, as <c>makatea image --json</c> shows it. Sizes in bytes.</summary>
/// <param name="Module">The boot module.</param>
/// <param name="Length">Its size.</param>
/// <param name="Memory">Memory that it needs, the kernel included.</param>
/// <param name="MachineMemory">Memory of the machine that it is to fit into.</param>
/// <param name="Programs">Its programs: the root task first, then the layer, then those of components.</param>
/// <param name="Components">Its components.</param>
/// <param name="Warnings">What the user may want to know.</param>
internal sealed record ImageReport(string Module, long Length, ulong Memory, ulong MachineMemory, IReadOnlyList<ProgramReport> Programs, IReadOnlyList<ComponentReport> Components, IReadOnlyList<string> Warnings);

/// <summary>A program of an image.</summary>
/// <param name="Name">What it is called in the archive.</param>
/// <param name="Role">What it is: root task, layer, console or program.</param>
/// <param name="Source">Project or file that it is made of.</param>
/// <param name="File">Bytes in the image.</param>
/// <param name="Code">Bytes of code.</param>
/// <param name="Constants">Bytes that are only read.</param>
/// <param name="Data">Bytes that are written.</param>
/// <param name="SystemCalls">System calls that were rewritten.</param>
/// <param name="BuildSeconds">How long it took to build; 0 where nothing had changed.</param>
internal sealed record ProgramReport(string Name, string Role, string Source, long File, ulong Code, ulong Constants, ulong Data, int SystemCalls, double BuildSeconds);

/// <summary>A component of an image.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Program">Its program in the archive.</param>
/// <param name="Layer">Whether it runs on the Linux ABI layer.</param>
/// <param name="Memory">Memory of its own.</param>
/// <param name="Total">All memory that starting it takes: its own, writable parts of its programs, stacks, tables.</param>
/// <param name="Threads">Most threads of its program.</param>
/// <param name="Waiters">Notifications that they wait at.</param>
/// <param name="Priority">Its priority.</param>
/// <param name="Budget">Microseconds of each period that each of its threads may have.</param>
/// <param name="Period">Microseconds.</param>
/// <param name="Grants">How much it is granted.</param>
/// <param name="Starts">It is started at boot.</param>
/// <param name="Restarts">It is started again when it fails.</param>
/// <param name="Manages">It may start, stop and connect others.</param>
internal sealed record ComponentReport(
    string Name, string Program, bool Layer, ulong Memory, ulong Total, int Threads, int Waiters, int Priority, long Budget, long Period, int Grants, bool Starts, bool Restarts, bool Manages);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, WriteIndented = true)]
[JsonSerializable(typeof(ImageReport))]
internal sealed partial class ImageReportJson : JsonSerializerContext;
