using Makatea.Platform;

namespace Makatea.Vmm.Virtio;

/// <content>Its state.</content>
public sealed partial class VirtioMmioDevice : ISuspendable, ISavedState
{
    void ISuspendable.Suspend() => _model.Suspend();

    void ISuspendable.Resume() => _model.Resume();

    /// <inheritdoc/>
    public void Save(StateWriter writer)
    {
        ArgumentNullException.ThrowIfNull(writer);
        writer.Write(_offeredSelect);
        writer.Write(_acceptedSelect);
        writer.Write(_queueSelect);
        writer.Write(Volatile.Read(ref _interruptStatus));
        _model.Save(writer);
    }

    /// <inheritdoc/>
    public void Restore(StateReader reader)
    {
        ArgumentNullException.ThrowIfNull(reader);
        Volatile.Write(ref _offeredSelect, reader.ReadUInt32());
        Volatile.Write(ref _acceptedSelect, reader.ReadUInt32());
        Volatile.Write(ref _queueSelect, reader.ReadUInt32());
        Interlocked.Exchange(ref _interruptStatus, reader.ReadUInt32() & (UsedBuffer | ConfigurationChanged));
        _model.Restore(reader);
    }
}
