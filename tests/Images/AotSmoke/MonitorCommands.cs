using System.Net.Sockets;
using System.Text.Json.Nodes;

namespace Makatea.AotSmoke;

/// <summary>Gives commands to a monitor that speaks QMP, where a guest has no other client.</summary>
internal static class MonitorCommands
{
    /// <summary>Gives them one after the other, and prints each answer.</summary>
    /// <param name="path">The monitor's UNIX socket.</param>
    /// <param name="commands">Each a name, or a whole request in JSON.</param>
    /// <returns>The first that is refused ends it with 1.</returns>
    public static int Run(string path, ReadOnlySpan<string> commands)
    {
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        socket.Connect(new UnixDomainSocketEndPoint(path));
        using var stream = new NetworkStream(socket);
        using var reader = new StreamReader(stream);
        _ = reader.ReadLine(); // The greeting.
        foreach (string command in (string[])["qmp_capabilities", .. commands])
        {
            string request = command.StartsWith('{') ? command : $"{{\"execute\":\"{command}\"}}";
            stream.Write(System.Text.Encoding.UTF8.GetBytes(request + "\n"));
            JsonNode? answer;
            do
            {
                answer = JsonNode.Parse(reader.ReadLine() ?? throw new InvalidDataException($"the monitor ended before it answered {command}"));
            }
            while (answer!["event"] is not null);

            Console.WriteLine(answer.ToJsonString());
            if (answer["error"] is not null)
            {
                return 1;
            }
        }

        return 0;
    }
}
