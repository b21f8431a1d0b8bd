using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using Makatea.Platform;

namespace Makatea.Virtio.Tests;

/// <summary>One front end after the other; what one breaks, the next does not see.</summary>
public sealed class ServerTests
{
    [Fact]
    public void The_next_front_end_is_served_after_one_that_broke_the_protocol()
    {
        using Bed bed = new();
        FakeChannel first = bed.Connect();
        FakeChannel second = bed.Connect();
        second.SendOriginals(SessionBed.Message((uint)VhostUserRequest.GetFeatures, []));
        first.SendOriginals(SessionBed.Message((uint)VhostUserRequest.SetFeatures, [1]));
        Assert.Equal(12, second.Receive(new byte[12], []));
        Assert.Equal(1, bed.Device.Resets);
        Assert.True(bed.Server.IsConnected);
    }

    [Fact]
    public void A_second_front_end_waits_until_the_first_has_left()
    {
        using Bed bed = new();
        FakeChannel first = bed.Connect();
        FakeChannel second = bed.Connect();
        second.SendOriginals(SessionBed.Message((uint)VhostUserRequest.GetFeatures, []));
        first.SendOriginals(SessionBed.Message((uint)VhostUserRequest.GetFeatures, []));
        first.Receive(new byte[20], []);
        Assert.False(bed.Accepted(second));
        first.Close();
        Assert.Equal(12, second.Receive(new byte[12], []));
    }

    [Fact]
    public void A_hundred_front_ends_that_break_the_protocol_leave_nothing_behind()
    {
        using Bed bed = new();
        for (int i = 0; i < 100; i++)
        {
            FakeChannel channel = bed.Connect();
            channel.SendOriginals([.. Enumerable.Repeat((byte)i, 64)]);
            Assert.Equal(0, channel.Receive(new byte[1], []));
        }

        SessionBed.Eventually(() => bed.Device.Resets == 100);
        Assert.IsType<VhostUserProtocolException>(bed.Server.LastFault);
    }

    [Fact]
    public void A_listener_that_fails_for_a_while_is_asked_again()
    {
        using Bed bed = new();
        bed.Listener.Fail("too many open files");
        FakeChannel channel = bed.Connect();
        channel.SendOriginals(SessionBed.Message((uint)VhostUserRequest.GetFeatures, []));
        Assert.Equal(12, channel.Receive(new byte[12], []));
    }

    [Fact]
    public void Close_ends_a_running_connection_and_the_wait()
    {
        using Bed bed = new();
        FakeChannel channel = bed.Connect();
        channel.SendOriginals(SessionBed.Message((uint)VhostUserRequest.GetFeatures, []));
        channel.Receive(new byte[20], []);
        bed.Server.Close();
        Assert.Equal(0, channel.Receive(new byte[1], []));
        Assert.True(bed.Thread.Join(TimeSpan.FromSeconds(10)));
        Assert.Null(bed.Server.LastFault);
        Assert.False(bed.Server.IsConnected);
        bed.Server.Close();
    }

    [Fact]
    public void A_server_that_was_closed_serves_nobody()
    {
        using FakeDevice device = new();
        VhostUserServer server = new(device, new FakeHost());
        server.Close();
        (FakeChannel ours, FakeChannel theirs) = FakeChannel.CreatePair();
        server.Serve(ours);
        Assert.True(ours.IsDisposed);
        Assert.Equal(0, theirs.Receive(new byte[1], []));
        using FakeListener listener = new();
        server.Serve(listener);
    }

    [Fact]
    public void Connections_faults_and_messages_are_counted()
    {
        using FakeDevice device = new() { DeviceName = Guid.NewGuid().ToString() };
        Dictionary<string, double> seen = [];
        using MeterListener listener = new();
        listener.InstrumentPublished = (instrument, l) =>
        {
            if (instrument.Meter.Name == VhostUserMetrics.MeterName)
            {
                l.EnableMeasurementEvents(instrument);
            }
        };
        void Take(string name, double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
        {
            if (tags is [{ Key: "device" } tag] && tag.Value as string == device.Name)
            {
                seen[name] = value;
            }
        }

        listener.SetMeasurementEventCallback<long>((i, value, tags, _) => Take(i.Name, value, tags));
        listener.SetMeasurementEventCallback<int>((i, value, tags, _) => Take(i.Name, value, tags));
        listener.Start();
        using VhostUserServer server = new(device, new FakeHost());
        foreach (byte[] payload in (byte[][])[[], [1]])
        {
            (FakeChannel ours, FakeChannel theirs) = FakeChannel.CreatePair();
            theirs.SendOriginals(SessionBed.Message((uint)VhostUserRequest.SetOwner, []));
            theirs.SendOriginals(SessionBed.Message((uint)VhostUserRequest.GetFeatures, payload));
            theirs.EndSending();
            server.Serve(ours);
        }

        listener.RecordObservableInstruments();
        Assert.Equal(new Dictionary<string, double> { ["connections"] = 2, ["connection_faults"] = 1, ["messages"] = 4, ["connected"] = 0 }, seen);
    }

    [Fact]
    public void An_error_of_the_device_ends_the_connection_alone()
    {
        using Bed bed = new();
        FakeChannel first = bed.Connect();
        bed.Device.Thrown = new InvalidOperationException("a bug");
        first.SendOriginals(SessionBed.Message((uint)VhostUserRequest.GetQueueNum, []));
        first.SendOriginals(SessionBed.Message((uint)VhostUserRequest.SetProtocolFeatures, SessionBed.Bytes((ulong)VhostUserProtocolFeatures.Config)));
        first.SendOriginals(SessionBed.Message((uint)VhostUserRequest.GetConfig, ConfigTests.Config(0, 8, 0, new byte[8])));
        SessionBed.Eventually(() => bed.Server.LastFault == bed.Device.Thrown);
        FakeChannel second = bed.Connect();
        second.SendOriginals(SessionBed.Message((uint)VhostUserRequest.GetFeatures, []));
        Assert.Equal(12, second.Receive(new byte[12], []));
    }

    private sealed class Bed : IDisposable
    {
        public Bed()
        {
            Server = new VhostUserServer(Device, new FakeHost());
            Thread = new Thread(() => Server.Serve(Listener)) { IsBackground = true };
            Thread.Start();
        }

        public FakeDevice Device { get; } = new();

        public FakeListener Listener { get; } = new();

        public VhostUserServer Server { get; }

        public Thread Thread { get; }

        public FakeChannel Connect() => Listener.Connect();

        public bool Accepted(FakeChannel theirs) => Listener.Accepted(theirs);

        public void Dispose()
        {
            Server.Dispose();
            Assert.True(Thread.Join(TimeSpan.FromSeconds(10)));
            Device.Dispose();
        }
    }

    private sealed class FakeListener : ChannelListener
    {
        private readonly BlockingCollection<object> _waiting = [];
        private readonly ConcurrentDictionary<FakeChannel, FakeChannel> _peers = new();
        private readonly ConcurrentDictionary<FakeChannel, bool> _accepted = new();

        public FakeChannel Connect()
        {
            (FakeChannel ours, FakeChannel theirs) = FakeChannel.CreatePair();
            _peers[theirs] = ours;
            _waiting.Add(ours);
            return theirs;
        }

        public void Fail(string message) => _waiting.Add(new IOException(message));

        public bool Accepted(FakeChannel theirs) => _accepted.ContainsKey(_peers[theirs]);

        public override MessageChannel? Accept()
        {
            if (!_waiting.TryTake(out object? next, Timeout.Infinite))
            {
                return null;
            }

            if (next is IOException failure)
            {
                throw failure;
            }

            _accepted[(FakeChannel)next] = true;
            return (FakeChannel)next;
        }

        public override void Close() => _waiting.CompleteAdding();

        protected override void Dispose(bool disposing) => Close();
    }
}
