using System.Collections.Frozen;
using System.Text.Json.Nodes;
using Makatea.Platform;

namespace Makatea.Vmm.Linux.Monitor;

/// <summary>
/// Where others tell a qube what to do and hear what happens to it: QEMU's machine protocol (QMP) on a socket. Clients have threads of their own and hold up neither the qube nor each other.
/// </summary>
internal sealed class MonitorServer : IDisposable
{
    /// <summary>The most clients at a time.</summary>
    public const int MostClients = 8;

    private static readonly TimeSpan _lastWords = TimeSpan.FromSeconds(1);
    private readonly ChannelListener _listener;
    private readonly FrozenDictionary<string, MonitorCommand> _commands;
    private readonly TimeProvider _time;
    private readonly Lock _lock = new();
    private readonly List<MonitorSession> _sessions = [];
    private readonly Thread _thread;
    private bool _isStarted;

    /// <summary>Makes one that does not serve yet: those who connect wait.</summary>
    /// <param name="listener">Where clients come from, taken over.</param>
    /// <param name="commands">What they may use, besides the commands about commands.</param>
    /// <param name="time">For the timestamps of events.</param>
    public MonitorServer(ChannelListener listener, IEnumerable<MonitorCommand> commands, TimeProvider time)
    {
        _listener = listener;
        _time = time;
        _commands = commands.Concat([new("query-version", MonitorJson.Version), new("query-commands", ListCommands)]).ToFrozenDictionary(c => c.Name);
        _thread = new Thread(Accept) { IsBackground = true, Name = "monitor listener" };
    }

    /// <summary>Serves.</summary>
    public void Start()
    {
        _isStarted = true;
        _thread.Start();
    }

    /// <summary>Tells all clients of an event. From any thread; does not wait for them.</summary>
    public void Tell(MonitorEvent what)
    {
        byte[] message = MonitorJson.Event(what, _time.GetUtcNow());
        lock (_lock)
        {
            _sessions.ForEach(s => s.Tell(message));
        }
    }

    /// <summary>Sends what waits to be sent, for a second at most, and ends all conversations.</summary>
    public void Dispose()
    {
        _listener.Close();
        if (_isStarted)
        {
            _thread.Join();
        }

        MonitorSession[] sessions;
        lock (_lock)
        {
            sessions = [.. _sessions];
        }

        Array.ForEach(sessions, s => s.Finish(_lastWords / sessions.Length));
        Array.ForEach(sessions, s => s.Dispose());
        _listener.Dispose();
    }

    /// <summary>A command by its name.</summary>
    /// <exception cref="MonitorException">There is none.</exception>
    internal MonitorCommand Find(string name) => _commands.TryGetValue(name, out MonitorCommand? command)
        ? command
        : throw new MonitorException($"found no command '{name}'; query-commands names those that there are", MonitorException.CommandNotFound);

    private void Accept()
    {
        try
        {
            while (_listener.Accept() is { } channel)
            {
                Take(channel);
            }
        }
        catch (IOException)
        {
            // The host has no more sockets for us: those who are there are served on.
        }
    }

    private void Take(MessageChannel channel)
    {
        MonitorSession? session = null;
        lock (_lock)
        {
            if (_sessions.Count < MostClients)
            {
                session = new MonitorSession(channel, this, Remove);
                _sessions.Add(session);
            }
        }

        if (session is not null)
        {
            session.Start();
            return;
        }

        using (channel)
        {
            Refuse(channel);
        }
    }

    /// <summary>A new connection takes what fits into the socket's buffer without waiting.</summary>
    private static void Refuse(MessageChannel channel)
    {
        try
        {
            channel.Send(MonitorJson.Error(null, new MonitorException($"{MostClients} clients are here already, and more are not possible")), []);
        }
        catch (IOException)
        {
            // It is gone.
        }
    }

    private void Remove(MonitorSession session)
    {
        bool isOurs;
        lock (_lock)
        {
            isOurs = _sessions.Remove(session);
        }

        if (isOurs)
        {
            session.Dispose();
        }
    }

    private JsonArray ListCommands() => new([.. _commands.Keys.Append(MonitorSession.Negotiate).Order().Select(name => new JsonObject { ["name"] = name })]);
}
