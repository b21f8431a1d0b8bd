using System.Text.Json.Nodes;

namespace Makatea.Vmm.Linux.Monitor;

/// <summary>A command of the monitor.</summary>
/// <param name="Name">Its name; those that QEMU does not have begin with <c>x-makatea-</c>.</param>
/// <param name="Parameters">Names of its arguments. Others are refused before it runs.</param>
/// <param name="Execute">
/// Does it, on the thread of the client that asked, whom alone it holds up; several may run at a time. What it returns is the answer, null being an empty object;
/// a <see cref="MonitorException"/> is the client's error, and so is an <see cref="IOException"/>.
/// </param>
internal sealed record MonitorCommand(string Name, IReadOnlyList<string> Parameters, Func<MonitorArguments, JsonNode?> Execute)
{
    /// <summary>One without arguments.</summary>
    public MonitorCommand(string name, Func<JsonNode?> execute)
        : this(name, [], _ => execute())
    {
    }

    /// <summary>One without arguments whose answer says nothing.</summary>
    public MonitorCommand(string name, Action execute)
        : this(name, () =>
        {
            execute();
            return null;
        })
    {
    }
}
