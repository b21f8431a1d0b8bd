using Makatea.Platform;

namespace Makatea.Vmm.Pci;

/// <content>Its state: what the guest wrote to configuration space, and what the kind of function adds.</content>
public abstract partial class PciFunctionModel
{
    internal void Save(StateWriter writer)
    {
        lock (Lock)
        {
            writer.Write(_config);
            OnSaving(writer);
        }
    }

    /// <summary>Its registers are where they were when its bridge has mapped them anew.</summary>
    internal void Restore(StateReader reader)
    {
        lock (Lock)
        {
            byte[] saved = new byte[_config.Length];
            reader.ReadBytes(saved);
            for (int i = 0; i < saved.Length; i++)
            {
                if (((saved[i] ^ _config[i]) & ~_writable[i]) != 0)
                {
                    throw new InvalidDataException($"a PCI function was saved with 0x{saved[i]:x2} in byte 0x{i:x} of its configuration space; the one in its place has 0x{_config[i]:x2}, which no guest can change");
                }
            }

            saved.CopyTo(_config, 0);
            OnRestored(reader);
        }
    }

    /// <summary>Writes what else there is, under configuration space's lock.</summary>
    protected virtual void OnSaving(StateWriter writer)
    {
    }

    /// <summary>Reads what <see cref="OnSaving"/> wrote, once configuration space is restored; under its lock.</summary>
    protected virtual void OnRestored(StateReader reader)
    {
    }
}
