using Makatea.Sel4;

namespace Makatea.Platform.Sel4;

/// <summary>A part of a shared region, which the root task mapped when the component was started.</summary>
internal sealed class RegionMemory : MappedMemory
{
    private const ulong Writable = 1;

    private readonly GrantEntry _region;
    private readonly ulong _offset;
    private Action? _release;

    private RegionMemory(GrantEntry region, ulong offset, ulong length, Action? release)
    {
        _region = region;
        _offset = offset;
        _release = release;
        Length = length;
    }

    /// <inheritdoc/>
    public override nint Address => _region.Address + (nint)_offset;

    /// <inheritdoc/>
    public override ulong Length { get; }

    /// <summary>The connection that the region belongs to was taken apart.</summary>
    public override bool IsLost => !_region.IsThere;

    /// <inheritdoc/>
    public override Grant? Share(out ulong offset)
    {
        offset = _offset;
        return new RegionGrant(_region, null);
    }

    /// <summary>Views a part of a region.</summary>
    /// <param name="region">The region.</param>
    /// <param name="offset">Where the part starts.</param>
    /// <param name="length">Its length in bytes.</param>
    /// <param name="access">What is wanted.</param>
    /// <param name="release">Called when the memory is disposed.</param>
    /// <exception cref="GrantException">It is not inside the region, or does not grant that access.</exception>
    internal static RegionMemory Map(GrantEntry region, ulong offset, ulong length, MemoryAccess access, Action? release)
    {
        if ((access & ~MemoryAccess.ReadWrite) != 0 || access == MemoryAccess.None)
        {
            throw new ArgumentOutOfRangeException(nameof(access), access, "memory is mapped for reading, writing or both");
        }

        if (length == 0 || offset > region.Length || length > region.Length - offset)
        {
            throw new GrantException($"{length} bytes at offset {offset} were to be mapped of region '{region.Name}', which is {region.Length} bytes long; they have to be at least one and lie inside");
        }

        return (access & MemoryAccess.Write) == 0 || region is { Kind: GrantKind.Region, Value: Writable }
            ? new RegionMemory(region, offset, length, release)
            : throw new GrantException($"'{region.Name}' was granted for reading, and was to be mapped for writing");
    }

    /// <summary>It stays mapped, as the root task mapped it.</summary>
    protected override void Dispose(bool disposing) => Interlocked.Exchange(ref _release, null)?.Invoke();
}
