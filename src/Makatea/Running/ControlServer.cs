using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Makatea.Cli;
using Makatea.Domains.Manager;
using Makatea.Platform;
using Makatea.Platform.Linux;

namespace Makatea.Running;

/// <summary>
/// Where other commands reach a running system: one line of JSON each way on a UNIX socket. <c>{"command":"status"}</c> is answered with the
/// status, <c>{"command":"stop"}</c> (with <c>"now":true</c> for no patience) with an empty object when the system has ended; <c>firewall</c> and <c>net</c> are
/// <see cref="NetRequests"/>', <c>qube</c> is <see cref="QubeRequests"/>'. What is wrong is answered with <c>{"error":"..."}</c>.
/// </summary>
internal sealed class ControlServer : IDisposable
{
    private const int MaxRequest = 4096;
    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(10);
    private readonly UnixChannelListener _listener;
    private readonly Func<SystemStatus> _status;
    private readonly Action<bool> _stop;
    private readonly NetControl? _net;
    private readonly QubeControl? _qubes;
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Thread _thread;
    private readonly List<Task> _clients = [];

    /// <summary>Listens.</summary>
    /// <param name="path">Path of the socket.</param>
    /// <param name="status">The status.</param>
    /// <param name="stop">Stops the system; at once where the argument is true.</param>
    /// <param name="net">Changes of the network; null where there is none.</param>
    /// <param name="qubes">Starts and stops of qubes; null where there is none.</param>
    public ControlServer(string path, Func<SystemStatus> status, Action<bool> stop, NetControl? net = null, QubeControl? qubes = null)
    {
        _net = net;
        _qubes = qubes;
        _listener = UnixChannelListener.Bind(path);
        _status = status;
        _stop = stop;
        _thread = new Thread(Accept) { IsBackground = true, Name = "control server" };
        _thread.Start();
    }

    /// <summary>Tells those who wait for the end that it came, and ends.</summary>
    public void Dispose()
    {
        _listener.Close();
        _thread.Join();
        _ended.TrySetResult();
        Task.WaitAll([.. _clients], TimeSpan.FromSeconds(1));
        _listener.Dispose();
    }

    private void Accept()
    {
        while (_listener.Accept() is { } channel)
        {
            _clients.RemoveAll(c => c.IsCompleted);
            _clients.Add(Task.Run(() => ServeAsync(channel)));
        }
    }

    private async Task ServeAsync(MessageChannel channel)
    {
        using var lines = new LineChannel(channel, "control client", MaxRequest);
        try
        {
            using var timeout = new CancellationTokenSource(_patience);
            while (await lines.ReceiveAsync(timeout.Token).ConfigureAwait(false) is { } request)
            {
                timeout.CancelAfter(Timeout.InfiniteTimeSpan);
                lines.Send(await AnswerAsync(request).ConfigureAwait(false));
                timeout.CancelAfter(_patience);
            }
        }
        catch (Exception e) when (e is IOException or OperationCanceledException)
        {
            // The client went away, or did not ask.
        }
    }

    private async Task<byte[]> AnswerAsync(byte[] line)
    {
        try
        {
            JsonNode? request = JsonNode.Parse(line);
            switch (request?["command"]?.GetValue<string>())
            {
                case "status":
                    return JsonSerializer.SerializeToUtf8Bytes(_status(), StatusJson.Default.SystemStatus);
                case "stop":
                    _stop(request["now"]?.GetValue<bool>() ?? false);
                    await _ended.Task.ConfigureAwait(false);
                    return "{}"u8.ToArray();
                case "firewall" when _net is not null:
                    return JsonSerializer.SerializeToUtf8Bytes(await NetRequests.FirewallAsync(_net, request).ConfigureAwait(false));
                case "net" when _net is not null:
                    return JsonSerializer.SerializeToUtf8Bytes(await NetRequests.LinkAsync(_net, request).ConfigureAwait(false));
                case "qube" when _qubes is not null:
                    return JsonSerializer.SerializeToUtf8Bytes(await QubeRequests.DoAsync(_qubes, request).ConfigureAwait(false));
                default:
                    return Error("found no known command, expected status, stop, firewall, net or qube");
            }
        }
        catch (CommandException e)
        {
            return Error(e.Message);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException)
        {
            return Error($"found no request ({e.Message}), expected an object with 'command'");
        }
    }

    private static byte[] Error(string message) => Encoding.UTF8.GetBytes(new JsonObject { ["error"] = message }.ToJsonString());
}
