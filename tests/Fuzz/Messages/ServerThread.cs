using System.Buffers.Binary;
using Makatea.Platform;
using Makatea.Virtio;

namespace Makatea.Fuzz.Messages;

/// <summary>Two threads for all sessions: one on which the server serves, and one that reads its replies, lest it waits for us.</summary>
internal sealed class ServerThread : IDisposable
{
    private readonly VhostUserServer _server;
    private readonly SemaphoreSlim _wanted = new(0);
    private readonly SemaphoreSlim _drainWanted = new(0);
    private readonly SemaphoreSlim _ended = new(0);
    private readonly SemaphoreSlim _drained = new(0);
    private MessageChannel? _theirs;
    private MessageChannel? _ours;
    private int _features;
    private bool _over;
    private volatile bool _stopping;

    public ServerThread(VhostUserServer server)
    {
        _server = server;
        new Thread(Run) { IsBackground = true, Name = "server" }.Start();
        new Thread(Drain) { IsBackground = true, Name = "replies" }.Start();
    }

    public void Serve(MessageChannel theirs, MessageChannel ours)
    {
        Replies = 0;
        _features = 0;
        _over = false;
        _theirs = theirs;
        _ours = ours;
        _wanted.Release();
        _drainWanted.Release();
    }

    /// <summary>Messages that the server answered in this session.</summary>
    public long Replies { get; private set; }

    /// <summary>Waits until so many GET_FEATURES were answered or the server is done with the session.</summary>
    public void WaitForFeatures(int count)
    {
        lock (_wanted)
        {
            while (_features < count && !_over)
            {
                Monitor.Wait(_wanted);
            }
        }
    }

    /// <summary>Waits until the server is done with the session.</summary>
    /// <returns>Why it ended.</returns>
    public Exception? WaitForEnd()
    {
        _ended.Wait();
        _drained.Wait();
        return _server.LastFault;
    }

    public void Dispose()
    {
        _stopping = true;
        _wanted.Release();
        _drainWanted.Release();
    }

    private void Run()
    {
        while (true)
        {
            _wanted.Wait();
            if (_stopping)
            {
                return;
            }

            _server.Serve(_theirs!);
            lock (_wanted)
            {
                _over = true;
                Monitor.PulseAll(_wanted);
            }

            _ended.Release();
        }
    }

    private void Drain()
    {
        byte[] buffer = new byte[8192];
        List<Grant> grants = [];
        while (true)
        {
            _drainWanted.Wait();
            if (_stopping)
            {
                return;
            }

            try
            {
                int held = 0;
                int received;
                while ((received = _ours!.Receive(buffer.AsSpan(held), grants)) != 0)
                {
                    grants.ForEach(g => g.Dispose());
                    grants.Clear();
                    int taken = TakeReplies(buffer.AsSpan(0, held + received));
                    held += received - taken;
                    buffer.AsSpan(taken, held).CopyTo(buffer);
                }
            }
            catch (Exception e) when (e is IOException or ObjectDisposedException)
            {
                // We closed it, perhaps before the first look.
            }

            grants.ForEach(g => g.Dispose());
            grants.Clear();
            _drained.Release();
        }
    }

    /// <returns>Number of bytes in whole replies; the rest belongs to one that is still to come.</returns>
    private int TakeReplies(ReadOnlySpan<byte> bytes)
    {
        int taken = 0;
        while (bytes.Length - taken >= VhostUserFrame.HeaderLength)
        {
            ReadOnlySpan<byte> reply = bytes[taken..];
            int length = VhostUserFrame.HeaderLength + BinaryPrimitives.ReadInt32LittleEndian(reply[8..]);
            if (length > reply.Length)
            {
                break;
            }

            taken += length;
            Replies++;
            if (BinaryPrimitives.ReadUInt32LittleEndian(reply) == (uint)VhostUserRequest.GetFeatures)
            {
                lock (_wanted)
                {
                    _features++;
                    Monitor.PulseAll(_wanted);
                }
            }
        }

        return taken;
    }
}
