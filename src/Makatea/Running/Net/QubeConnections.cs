using Makatea.Platform;
using Makatea.Platform.Linux;

namespace Makatea.Running;

/// <summary>
/// Connections of a net domain to a qube, whose QEMU listens: the domain's component asks for one when it can serve it, at its start and after one that ended, and is handed it as soon as QEMU is there.
/// </summary>
/// <param name="socket">Path of QEMU's socket.</param>
internal sealed class QubeConnections(string socket) : ConnectionGrant
{
    private static readonly TimeSpan _retryTime = TimeSpan.FromMilliseconds(20);
    private Session? _session;

    /// <inheritdoc/>
    protected override void Begin(MessageChannel channel) => _session = new Session(channel, socket);

    /// <inheritdoc/>
    protected override void End()
    {
        _session?.Close();
        _session = null;
    }

    /// <summary>With one component, from its start to its end.</summary>
    private sealed class Session
    {
        private readonly MessageChannel _channel;
        private readonly string _socket;
        private volatile bool _isClosed;

        public Session(MessageChannel channel, string socket)
        {
            (_channel, _socket) = (channel, socket);
            new Thread(Run) { IsBackground = true, Name = $"connections to {Path.GetFileName(socket)}" }.Start();
        }

        public void Close()
        {
            _isClosed = true;
            _channel.Close();
        }

        private void Run()
        {
            var grants = new List<Grant>();
            Span<byte> request = stackalloc byte[1];
            try
            {
                while (_channel.Receive(request, grants) != 0)
                {
                    grants.ForEach(g => g.Dispose());
                    grants.Clear();
                    using LinuxGrant? connection = Connect();
                    if (connection is null)
                    {
                        break;
                    }

                    HandedChannels.Hand(_channel, connection);
                }
            }
            catch (IOException)
            {
                // The component is gone, or the system ends.
            }
            finally
            {
                _channel.Dispose();
            }
        }

        /// <summary>Connects as soon as QEMU listens.</summary>
        /// <returns>Null where that is not wanted any more.</returns>
        private LinuxGrant? Connect()
        {
            while (!_isClosed)
            {
                try
                {
                    return UnixMessageChannel.ConnectFor(_socket);
                }
                catch (IOException)
                {
                    Thread.Sleep(_retryTime);
                }
            }

            return null;
        }
    }
}
