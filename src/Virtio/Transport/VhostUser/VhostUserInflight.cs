using Makatea.Platform;

namespace Makatea.Virtio;

/// <summary>
/// The memory in which rings track what is in flight, so that it survives us (vhost-user, "Inflight I/O tracking"): one part
/// per queue, each starting on a cache line. The rings know what is inside a part.
/// </summary>
internal sealed class VhostUserInflight : IDisposable
{
    private const ulong Alignment = 64;
    private readonly VhostUserInflightDescription _description;
    private readonly MappedMemory _memory;

    /// <summary>Maps the memory that the front end gave.</summary>
    /// <exception cref="VhostUserProtocolException">It is too small for what it says that it holds, or cannot be mapped.</exception>
    public VhostUserInflight(in VhostUserInflightDescription description, Grant grant, bool packed)
    {
        ulong needed = RegionSize(description.QueueCount, description.QueueSize, packed);
        if (description.Size < needed || description.Offset > long.MaxValue - description.Size || description.Size > int.MaxValue)
        {
            throw new VhostUserProtocolException(
                $"SET_INFLIGHT_FD gives {description.Size} bytes at offset {description.Offset}; {description.QueueCount} queues of {description.QueueSize} need {needed}");
        }

        if (description.Offset % 8 != 0)
        {
            throw new VhostUserProtocolException($"SET_INFLIGHT_FD gives offset {description.Offset}; it must be a multiple of 8");
        }

        _description = description;
        try
        {
            _memory = grant.Map(description.Offset, description.Size, MemoryAccess.ReadWrite);
        }
        catch (GrantException e)
        {
            throw new VhostUserProtocolException($"SET_INFLIGHT_FD gives memory that cannot be mapped: {e.Message}", e);
        }
    }

    /// <summary>The front end took the memory away.</summary>
    public bool IsLost => _memory.IsLost;

    /// <summary>Length of one queue's part in bytes.</summary>
    public static ulong QueueSize(ushort queueSize, bool packed)
    {
        ulong header = packed ? 32ul : 16ul;
        ulong entry = packed ? 32ul : 16ul;
        return (header + (entry * queueSize) + Alignment - 1) & ~(Alignment - 1);
    }

    /// <summary>Length of the whole region in bytes.</summary>
    public static ulong RegionSize(ushort queueCount, ushort queueSize, bool packed) => queueCount * QueueSize(queueSize, packed);

    /// <summary>The part of one queue.</summary>
    /// <exception cref="VhostUserProtocolException">The region was made for fewer or smaller queues.</exception>
    public MemorySegment Slice(int queue, ushort size, bool packed)
    {
        ulong length = QueueSize(_description.QueueSize, packed);
        ulong offset = (ulong)queue * length;
        if (queue >= _description.QueueCount || size > _description.QueueSize || offset + length > _description.Size)
        {
            throw new VhostUserProtocolException(
                $"queue {queue} of {size} descriptors does not fit the in-flight region of {_description.Size} bytes for {_description.QueueCount} queues of {_description.QueueSize}");
        }

        return _memory.Slice(offset, (int)length);
    }

    /// <inheritdoc/>
    public void Dispose() => _memory.Dispose();
}
