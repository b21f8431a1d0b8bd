using Makatea.Platform;

namespace Makatea.Benchmarks.Net;

/// <summary>A port at which the same frame arrives again and again, and that what is sent to is gone at once; it copies what arrives, as a guest's interface does.</summary>
internal sealed class TemplatePort(NetPortInfo info) : NetPort
{
    public override NetPortInfo Info => info;

    public TemplateQueue? Queue { get; private set; }

    public override NetQueue OpenQueue(int index, NetQueueOptions options) => Queue = new(options.ReceiveDepth);

    public override void SetFilter(NetFilter filter)
    {
    }

    public override NetStatistics ReadStatistics() => default;

    protected override void Dispose(bool disposing)
    {
    }
}

/// <summary>Its queue.</summary>
internal sealed class TemplateQueue(int depth) : NetQueue
{
    private readonly NetBuffer[] _buffers = new NetBuffer[depth];
    private readonly int[] _done = new int[4096];
    private int _first;
    private int _supplied;
    private int _doneCount;

    public override Doorbell? Events => null;

    /// <summary>What arrives, all of the frame's bytes.</summary>
    public byte[] Template { get; set; } = [];

    /// <summary>How many of it arrive.</summary>
    public int Arriving { get; set; }

    /// <summary>Frames that were sent.</summary>
    public long Sent { get; private set; }

    public override int Transmit(ReadOnlySpan<NetFrame> frames)
    {
        foreach (ref readonly NetFrame frame in frames)
        {
            _done[_doneCount++] = frame.Tag;
        }

        Sent += frames.Length;
        return frames.Length;
    }

    public override int Reclaim(Span<int> tags)
    {
        int count = Math.Min(tags.Length, _doneCount);
        _doneCount -= count;
        _done.AsSpan(_doneCount, count).CopyTo(tags);
        return count;
    }

    public override int Supply(ReadOnlySpan<NetBuffer> buffers)
    {
        int count = Math.Min(buffers.Length, _buffers.Length - _supplied);
        for (int i = 0; i < count; i++)
        {
            _buffers[(_first + _supplied++) % _buffers.Length] = buffers[i];
        }

        return count;
    }

    public override int Receive(Span<NetReceived> frames)
    {
        int count = Math.Min(Math.Min(frames.Length, Arriving), _supplied);
        for (int i = 0; i < count; i++)
        {
            ref NetBuffer buffer = ref _buffers[_first];
            Template.CopyTo(buffer.Memory.AsSpan());
            frames[i] = new() { Tag = buffer.Tag, Length = Template.Length };
            _first = (_first + 1) % _buffers.Length;
        }

        Arriving -= count;
        _supplied -= count;
        return count;
    }

    public override long Arm() => DoorbellWaiter.Forever;

    protected override void Dispose(bool disposing)
    {
    }
}
