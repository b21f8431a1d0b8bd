using System.Collections.Concurrent;
using System.Text.Json;
using System.Text.Json.Nodes;
using Makatea.Domains.Manager;
using Makatea.Platform;

namespace Makatea.Qemu;

/// <summary>The monitor of a VMM that speaks QEMU's machine protocol: QEMU's own, or makatea-vmm's. Commands with their answers, and events.</summary>
internal sealed class QmpClient : IDisposable
{
    private readonly LineChannel _lines;
    private readonly ConcurrentDictionary<int, TaskCompletionSource<JsonNode?>> _waiting = new();
    private readonly TaskCompletionSource _greeted = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _lastId;
    private volatile bool _ended;

    /// <summary>Takes over a channel that the VMM has the other end of.</summary>
    public QmpClient(MessageChannel channel, string name)
    {
        _lines = new LineChannel(channel, $"monitor of {name}");
        Ended = Task.Run(ReceiveAsync);
    }

    /// <summary>Raised for each event, with its name and data.</summary>
    public event Action<string, JsonNode?>? Event;

    /// <summary>Completes when the VMM closed the monitor.</summary>
    public Task Ended { get; }

    /// <summary>Waits for the VMM and starts the conversation.</summary>
    /// <exception cref="IOException">The VMM ended.</exception>
    public async Task ConnectAsync(CancellationToken cancellation)
    {
        await _greeted.Task.WaitAsync(cancellation).ConfigureAwait(false);
        await ExecuteAsync("qmp_capabilities", cancellation).ConfigureAwait(false);
    }

    /// <summary>Runs a command without arguments.</summary>
    /// <returns>What it returned.</returns>
    /// <exception cref="IOException">The VMM ended or refused.</exception>
    public Task<JsonNode?> ExecuteAsync(string command, CancellationToken cancellation = default) => ExecuteAsync(command, null, cancellation);

    /// <summary>Runs a command.</summary>
    /// <returns>What it returned.</returns>
    /// <exception cref="IOException">The VMM ended or refused.</exception>
    public async Task<JsonNode?> ExecuteAsync(string command, JsonObject? arguments, CancellationToken cancellation = default)
    {
        int id = Interlocked.Increment(ref _lastId);
        var answer = new TaskCompletionSource<JsonNode?>(TaskCreationOptions.RunContinuationsAsynchronously);
        _waiting[id] = answer;
        try
        {
            if (_ended)
            {
                throw Gone();
            }

            var message = new JsonObject { ["execute"] = command, ["id"] = id };
            if (arguments is not null)
            {
                message["arguments"] = arguments;
            }

            _lines.Send(JsonSerializer.SerializeToUtf8Bytes(message));
            return await answer.Task.WaitAsync(cancellation).ConfigureAwait(false);
        }
        finally
        {
            _waiting.TryRemove(id, out _);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _lines.Dispose();

    private async Task ReceiveAsync()
    {
        try
        {
            while (await _lines.ReceiveAsync().ConfigureAwait(false) is { } line)
            {
                Take(JsonNode.Parse(line) as JsonObject ?? throw new JsonException("found no object"));
            }
        }
        catch (Exception e) when (e is IOException or JsonException or InvalidOperationException or FormatException)
        {
            // Whatever it was, the conversation is over.
        }

        _ended = true;
        _greeted.TrySetException(Gone());
        foreach (TaskCompletionSource<JsonNode?> answer in _waiting.Values)
        {
            answer.TrySetException(Gone());
        }
    }

    private void Take(JsonObject message)
    {
        if (message.ContainsKey("QMP"))
        {
            _greeted.TrySetResult();
        }
        else if (message["event"] is { } name)
        {
            Event?.Invoke(name.GetValue<string>(), message["data"]);
        }
        else if (message["id"]?.GetValue<int>() is { } id && _waiting.TryGetValue(id, out TaskCompletionSource<JsonNode?>? answer))
        {
            if (message["error"] is { } error)
            {
                answer.TrySetException(new IOException($"its VMM refused: {error["desc"]}"));
            }
            else
            {
                answer.TrySetResult(message["return"]?.DeepClone());
            }
        }
    }

    private static IOException Gone() => new("its VMM closed the monitor");
}
