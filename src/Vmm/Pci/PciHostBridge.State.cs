using Makatea.Platform;

namespace Makatea.Vmm.Pci;

/// <content>The bus's state. Functions are restored in slots that have the same ones.</content>
public sealed partial class PciHostBridge : ISavedState
{
    /// <summary>The functions on it.</summary>
    internal IEnumerable<PciFunctionModel> Functions => Enumerable.Range(0, Slots).Select(FunctionAt).OfType<PciFunctionModel>();

    /// <summary>Slots with functions in them, but the bridge's own.</summary>
    internal IReadOnlyList<int> DeviceSlots => [.. Enumerable.Range(1, Slots - 1).Where(slot => FunctionAt(slot) is not null)];

    /// <summary>The function in a slot; null where there is none.</summary>
    internal PciFunctionModel? FunctionAt(int slot) => (uint)slot < Slots ? Volatile.Read(ref _slots[slot]) : null;

    /// <inheritdoc/>
    public void Save(StateWriter writer)
    {
        ArgumentNullException.ThrowIfNull(writer);
        _ports.Save(writer);
        foreach (PciFunctionModel? function in _slots)
        {
            writer.Write(function is not null);
            function?.Save(writer);
        }
    }

    /// <inheritdoc/>
    public void Restore(StateReader reader)
    {
        ArgumentNullException.ThrowIfNull(reader);
        _ports.Restore(reader);
        for (int slot = 0; slot < Slots; slot++)
        {
            bool wasThere = reader.ReadFlag();
            if (wasThere != _slots[slot] is not null)
            {
                throw new InvalidDataException($"slot {slot} of the PCI bus was saved {(wasThere ? "with a device, and has none" : "empty, and has a device")}");
            }

            _slots[slot]?.Restore(reader);
        }

        Remap();
    }
}
