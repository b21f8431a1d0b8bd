using Makatea.Platform;

namespace Makatea.Vmm;

/// <content>Its state. What its timer shows follows the guest's clock.</content>
public sealed partial class PowerManagement : ISavedState
{
    /// <inheritdoc/>
    public void Save(StateWriter writer)
    {
        ArgumentNullException.ThrowIfNull(writer);
        lock (_lock)
        {
            writer.Write(_status);
            writer.Write(_enable);
            writer.Write(_control);
            writer.Write(_togglesSeen);
        }
    }

    /// <inheritdoc/>
    public void Restore(StateReader reader)
    {
        ArgumentNullException.ThrowIfNull(reader);
        lock (_lock)
        {
            _status = (ushort)(reader.ReadUInt16() & PowerBits.Events);
            _enable = (ushort)(reader.ReadUInt16() & (PowerBits.Events | PowerBits.Clock));
            _control = (ushort)(reader.ReadUInt16() & PowerBits.ControlKept);
            _togglesSeen = reader.Read(0, Toggles);
            Update();
        }
    }
}
