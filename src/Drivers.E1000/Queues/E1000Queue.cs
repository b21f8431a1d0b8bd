using Makatea.Platform;

namespace Makatea.Drivers.E1000;

/// <summary>A queue as its port sees it.</summary>
internal abstract class E1000Queue : NetQueue
{
    protected E1000Queue(E1000Port port, int index, NetQueueOptions options)
    {
        Port = port;
        Index = index;
        BufferLength = options.ReceiveBufferLength;
        Gate = new(port.State);
    }

    /// <summary>Its number.</summary>
    public int Index { get; }

    /// <summary>Length of each buffer for received frames.</summary>
    public int BufferLength { get; }

    /// <summary>Keeps its thread out while the adapter is reset.</summary>
    public QueueGate Gate { get; }

    protected E1000Port Port { get; }

    /// <summary>Tells a controller that was reset of the rings. The queue's thread is out.</summary>
    public abstract void Start();

    /// <summary>Lets the receiver have the buffers, once it runs.</summary>
    public abstract void Publish();

    /// <summary>Drops what is being transmitted, as the controller stopped for good. The queue's thread is out.</summary>
    public abstract void DropAll();

    /// <summary>Takes the rings from a controller that stopped. The queue's thread is out.</summary>
    public abstract void Stop();

    /// <summary>Frames are with the transmitter that were there the last time already.</summary>
    public abstract bool IsTransmitStuck();

    /// <summary>The receiver had room the whole time since the last time, and used none.</summary>
    public abstract bool IsReceiveIdle();

    /// <summary>What its rings counted.</summary>
    public abstract NetStatistics ReadStatistics();

    /// <summary>Gives its memory back; the controller does not know it any more.</summary>
    public abstract void Free();

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            Port.Close(this);
        }
    }
}
