using System.Buffers.Binary;
using Makatea.Platform;

namespace Makatea.Virtio;

/// <summary>Takes the messages that the back end sends on its own channel (section "Back-end communication"), on a thread of its own.</summary>
internal sealed class BackendChannel : IDisposable
{
    private readonly MessageChannel _channel;
    private readonly Action _configChanged;
    private readonly Thread _thread;
    private int _received;

    public BackendChannel(MessageChannel channel, Action configChanged)
    {
        _channel = channel;
        _configChanged = configChanged;
        _thread = new Thread(Run) { IsBackground = true, Name = "backend-channel" };
        _thread.Start();
    }

    public int Received => Volatile.Read(ref _received);

    public void Dispose()
    {
        _channel.Close();
        _thread.Join();
        _channel.Dispose();
    }

    private void Run()
    {
        try
        {
            while (VhostUserFrame.Receive(_channel) is { } message)
            {
                foreach (Grant grant in message.Grants)
                {
                    grant.Dispose();
                }

                bool known = message.Request == (uint)VhostUserBackendRequest.ConfigChange && message.Payload.Length == 0;
                if (known)
                {
                    _configChanged();
                }

                // Counted after the handlers, so that whoever waits for the count sees what they did.
                Interlocked.Increment(ref _received);
                if ((message.Flags & VhostUserFrame.NeedReplyFlag) != 0)
                {
                    byte[] result = new byte[8];
                    BinaryPrimitives.WriteUInt64LittleEndian(result, known ? 0ul : 1);
                    VhostUserFrame.Send(_channel, message.Request, VhostUserFrame.Version | VhostUserFrame.ReplyFlag, result, []);
                }
            }
        }
        catch (Exception e) when (e is IOException or VhostUserException)
        {
            // The channel was closed; the connection's own thread reports why.
        }
    }
}
