using System.Net.Sockets;
using System.Text;

namespace Makatea.EndToEnd;

/// <summary>The host's side of scripts/guest/agent: shell scripts go in, what they print and their status come out.</summary>
internal sealed class AgentConnection : IDisposable
{
    private readonly Socket? _listener;
    private readonly byte[] _buffer = new byte[4096];
    private readonly StringBuilder _received = new();
    private Socket? _socket;
    private int _lastId;

    /// <summary>Listens at <paramref name="path"/>, where the guest's serial port connects to.</summary>
    public AgentConnection(string path)
    {
        _listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        _listener.Bind(new UnixDomainSocketEndPoint(path));
        _listener.Listen(1);
    }

    /// <summary>Goes to an agent that is ready, by a serial port whose socket listens.</summary>
    public AgentConnection(UnixDomainSocketEndPoint port)
    {
        _socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        _socket.Connect(port);
    }

    /// <summary>Waits until the agent says that it is ready.</summary>
    public void WaitForReady(double seconds) => ReadUntilLine("@ready", DateTime.UtcNow.AddSeconds(seconds));

    /// <summary>Runs a script and returns its status and what it printed.</summary>
    public (int Status, string Output) Run(string script, double seconds)
    {
        DateTime end = DateTime.UtcNow.AddSeconds(seconds);
        string id = (++_lastId).ToString();
        Connected(end).Send(Encoding.ASCII.GetBytes($"{id} {Convert.ToBase64String(Encoding.UTF8.GetBytes(script))}\n"));
        (string output, string line) = ReadUntilLine($"@{id} ", end);
        return (int.Parse(line[(id.Length + 2)..]), output.Trim('\n'));
    }

    /// <summary>Starts a script whose end nobody sees, such as one that powers off.</summary>
    public void Send(string script) =>
        Connected(DateTime.UtcNow.AddSeconds(5)).Send(Encoding.ASCII.GetBytes($"{++_lastId} {Convert.ToBase64String(Encoding.UTF8.GetBytes(script))}\n"));

    /// <summary>Goes on with the conversation of <paramref name="source"/>, whose guest was migrated here.</summary>
    public void TakeOver(AgentConnection source) => _lastId = source._lastId;

    /// <inheritdoc/>
    public void Dispose()
    {
        _socket?.Dispose();
        _listener?.Dispose();
    }

    private Socket Connected(DateTime end)
    {
        if (_socket is null)
        {
            _socket = _listener!.Poll(Left(end), SelectMode.SelectRead) ? _listener.Accept() : throw new TimeoutException("QEMU did not connect the agent's serial port");
        }

        return _socket;
    }

    private (string Before, string Line) ReadUntilLine(string start, DateTime end)
    {
        Socket socket = Connected(end);
        while (true)
        {
            string text = _received.ToString();
            int at = text.StartsWith(start, StringComparison.Ordinal) ? 0 : text.IndexOf('\n' + start, StringComparison.Ordinal) + 1;
            int lineEnd = at > 0 || text.StartsWith(start, StringComparison.Ordinal) ? text.IndexOf('\n', at) : -1;
            if (lineEnd >= 0)
            {
                _received.Remove(0, lineEnd + 1);
                return (text[..at], text[at..lineEnd].TrimEnd('\r'));
            }

            if (!socket.Poll(Left(end), SelectMode.SelectRead))
            {
                throw new TimeoutException($"the guest's agent did not answer in time; it printed so far:\n{text}");
            }

            int length = socket.Receive(_buffer);
            if (length == 0)
            {
                throw new IOException($"the guest ended; its agent printed:\n{text}");
            }

            _received.Append(Encoding.UTF8.GetString(_buffer, 0, length).Replace("\r", "", StringComparison.Ordinal));
        }
    }

    private static TimeSpan Left(DateTime end)
    {
        TimeSpan left = end - DateTime.UtcNow;
        return left > TimeSpan.Zero ? left : TimeSpan.Zero;
    }
}
