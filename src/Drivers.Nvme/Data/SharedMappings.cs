using Makatea.Platform;

namespace Makatea.Drivers.Nvme;

/// <summary>Memory of users that the controller reaches, mapped once however many namespaces were told of it.</summary>
internal sealed class SharedMappings(DmaSpace space)
{
    private readonly List<Shared> _mappings = [];

    /// <exception cref="DmaException">It cannot be mapped.</exception>
    internal void Add(MappedMemory memory)
    {
        lock (_mappings)
        {
            if (Find(memory) is { } known)
            {
                known.Users++;
                return;
            }

            _mappings.Add(new Shared(memory, space.Map(memory, DmaAccess.ReadWrite)));
        }
    }

    /// <summary>Memory that could not be added is passed over.</summary>
    internal void Remove(MappedMemory memory)
    {
        lock (_mappings)
        {
            if (Find(memory) is { } known && --known.Users == 0)
            {
                _mappings.Remove(known);
                known.Mapping.Dispose();
            }
        }
    }

    internal void Clear()
    {
        lock (_mappings)
        {
            _mappings.ForEach(m => m.Mapping.Dispose());

            _mappings.Clear();
        }
    }

    private Shared? Find(MappedMemory memory) => _mappings.Find(m => m.Address == memory.Address && m.Length == memory.Length);

    private sealed class Shared(MappedMemory memory, DmaMapping mapping)
    {
        public nint Address { get; } = memory.Address;

        public ulong Length { get; } = memory.Length;

        public DmaMapping Mapping => mapping;

        public int Users { get; set; } = 1;
    }
}
