using Makatea.Platform;

namespace Makatea.Vmm;

/// <content>Its state. Which of its lines are asserted is theirs who hold them: they are restored before it, while nothing they do is sent.</content>
public sealed partial class IoApic : ISavedState
{
    /// <inheritdoc/>
    public void Save(StateWriter writer)
    {
        ArgumentNullException.ThrowIfNull(writer);
        lock (_lock)
        {
            writer.Write(_id);
            writer.Write(_select);
            foreach (ulong entry in _entries)
            {
                writer.Write(entry);
            }
        }
    }

    /// <inheritdoc/>
    public void Restore(StateReader reader)
    {
        ArgumentNullException.ThrowIfNull(reader);
        lock (_lock)
        {
            _id = reader.ReadUInt32() & IdMask;
            _select = reader.ReadByte();
            foreach (ref ulong entry in _entries.AsSpan())
            {
                entry = reader.Read() & (RedirectionBits.Writable | RedirectionBits.RemoteIrr);
            }
        }
    }
}
