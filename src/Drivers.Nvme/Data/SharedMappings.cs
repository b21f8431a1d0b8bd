using Makatea.Platform;

namespace Makatea.Drivers.Nvme;

/// <summary>Memory of users that the controller reaches, mapped once however many namespaces were told of it.</summary>
internal sealed class SharedMappings(DmaSpace space)
{
    private readonly Dictionary<(nint Address, ulong Length), (DmaMapping Mapping, int Users)> _mappings = [];

    /// <exception cref="DmaException">It cannot be mapped.</exception>
    internal void Add(MappedMemory memory)
    {
        lock (_mappings)
        {
            (nint, ulong) key = (memory.Address, memory.Length);
            _mappings[key] = _mappings.TryGetValue(key, out (DmaMapping Mapping, int Users) known)
                ? (known.Mapping, known.Users + 1)
                : (space.Map(memory, DmaAccess.ReadWrite), 1);
        }
    }

    /// <summary>Memory that could not be added is passed over.</summary>
    internal void Remove(MappedMemory memory)
    {
        lock (_mappings)
        {
            (nint, ulong) key = (memory.Address, memory.Length);
            if (!_mappings.TryGetValue(key, out (DmaMapping Mapping, int Users) known))
            {
                return;
            }

            if (known.Users > 1)
            {
                _mappings[key] = (known.Mapping, known.Users - 1);
                return;
            }

            _mappings.Remove(key);
            known.Mapping.Dispose();
        }
    }

    internal void Clear()
    {
        lock (_mappings)
        {
            foreach ((DmaMapping mapping, _) in _mappings.Values)
            {
                mapping.Dispose();
            }

            _mappings.Clear();
        }
    }
}
