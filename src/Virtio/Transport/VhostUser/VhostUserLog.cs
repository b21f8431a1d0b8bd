using Makatea.Platform;

namespace Makatea.Virtio;

/// <summary>The log of dirty pages that a front end shares while it migrates the guest (vhost-user, "Migration").</summary>
internal sealed class VhostUserLog : IDisposable
{
    private readonly MappedMemory _memory;

    /// <summary>Maps the log that the front end gave.</summary>
    /// <exception cref="VhostUserProtocolException">It is empty, too large, not aligned, or cannot be mapped.</exception>
    public VhostUserLog(in VhostUserLogDescription description, Grant grant)
    {
        if (description.Size is 0 or > int.MaxValue || description.Offset > long.MaxValue - description.Size || description.Offset % 8 != 0 || description.Size % 8 != 0)
        {
            throw new VhostUserProtocolException(
                $"SET_LOG_BASE gives {description.Size} bytes at offset {description.Offset}; allowed are 8 to {int.MaxValue} bytes at a multiple of 8, a multiple of 8 long");
        }

        try
        {
            _memory = grant.Map(description.Offset, description.Size, MemoryAccess.ReadWrite);
        }
        catch (GrantException e)
        {
            throw new VhostUserProtocolException($"SET_LOG_BASE gives memory that cannot be mapped: {e.Message}", e);
        }

        Dirty = new DirtyLog(_memory, 0, description.Size);
    }

    /// <summary>Where to mark pages.</summary>
    public DirtyLog Dirty { get; }

    /// <summary>The front end took the memory away.</summary>
    public bool IsLost => _memory.IsLost;

    /// <inheritdoc/>
    public void Dispose() => Dirty.Dispose();
}
