using System.Text.Json;

namespace Makatea.Vmm.Linux.Monitor;

/// <summary>What a client asks for.</summary>
/// <param name="Command">Name of the command.</param>
/// <param name="Arguments">Its arguments.</param>
internal readonly record struct MonitorRequest(string Command, MonitorArguments Arguments)
{
    private static readonly string[] _members = ["execute", "arguments", "id"];

    /// <summary>Reads one.</summary>
    /// <exception cref="MonitorException">It is none.</exception>
    public static MonitorRequest Read(JsonElement message)
    {
        if (message.ValueKind != JsonValueKind.Object)
        {
            throw new MonitorException("found no object, expected one with 'execute'");
        }

        foreach (JsonProperty member in message.EnumerateObject())
        {
            if (!_members.Contains(member.Name))
            {
                throw new MonitorException($"found the member '{member.Name}', expected {string.Join(", ", _members)}");
            }
        }

        var members = new MonitorArguments(message);
        return new(members.TextOrNull("execute") ?? throw new MonitorException("found no member 'execute', expected the name of a command"),
            message.TryGetProperty("arguments", out _) ? members.Object("arguments") : default);
    }

    /// <summary>Refuses arguments of other names.</summary>
    public void Expect(IReadOnlyList<string> names)
    {
        foreach (string name in Arguments.Names)
        {
            if (!names.Contains(name))
            {
                throw new MonitorException($"parameter '{name}' is unexpected; {(names.Count == 0 ? $"'{Command}' takes none" : $"'{Command}' takes {string.Join(", ", names)}")}");
            }
        }
    }
}
