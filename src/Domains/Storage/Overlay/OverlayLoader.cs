using Makatea.Platform;

namespace Makatea.Domains.Storage;

/// <summary>Brings the map of an overlay that is opened up to date: from the storage, from memory that outlived us, or from nothing.</summary>
internal sealed class OverlayLoader(OverlayDevice device, LiveMap live, SynchronousQueue @base, SynchronousQueue storage)
{
    private const int Step = 1 << 20;
    private readonly OverlayFormat _format = device.Format;

    public void Load()
    {
        byte[] header = new byte[_format.PageSize];
        storage.Read(0, header);
        bool isNew = !header.AsSpan().ContainsAnyExcept((byte)0);
        if (device.Mode == OverlayMode.Volatile)
        {
            LoadVolatile(isNew);
            return;
        }

        BaseFingerprint fingerprint = BaseFingerprint.Of(@base, _format.SectorCount);
        if (isNew)
        {
            Create(fingerprint);
            return;
        }

        Guid id = _format.CheckHeader(header, fingerprint);
        bool goesOn = live.Holds(id);
        LoadMap(markAhead: goesOn);
        if (!goesOn)
        {
            live.Begin(id);
        }
    }

    private void LoadVolatile(bool isNew)
    {
        if (!isNew)
        {
            throw new OverlayException("the storage cannot be used as a volatile overlay: it is not empty; a kept overlay is opened as such");
        }

        if (!live.Holds(Guid.Empty))
        {
            live.Begin(Guid.Empty);
        }
    }

    /// <summary>The header is written last, and to a map that is durably empty.</summary>
    private void Create(BaseFingerprint fingerprint)
    {
        var id = Guid.NewGuid();
        if (live.Holds(id))
        {
            throw new OverlayException("the memory for the overlay's map is in use, and the storage is empty");
        }

        byte[] zeroes = new byte[Math.Min(Step, _format.MapLength)];
        for (long offset = 0; offset < _format.MapLength; offset += zeroes.Length)
        {
            storage.Write(Sector(offset), zeroes.AsSpan(0, (int)Math.Min(zeroes.Length, _format.MapLength - offset)));
        }

        storage.Flush();
        storage.Write(0, _format.EncodeHeader(id, fingerprint));
        storage.Flush();
        live.Begin(id);
    }

    /// <summary>Adds what the storage's map has, and marks pages in which ours is ahead.</summary>
    private void LoadMap(bool markAhead)
    {
        byte[] stored = new byte[Math.Min(Step, _format.MapLength)];
        byte[] ours = new byte[_format.PageSize];
        for (long offset = 0; offset < _format.MapLength; offset += stored.Length)
        {
            Span<byte> part = stored.AsSpan(0, (int)Math.Min(stored.Length, _format.MapLength - offset));
            storage.Read(Sector(offset), part);
            live.Grains.Add(offset, part);
            for (int page = 0; markAhead && page < part.Length; page += ours.Length)
            {
                live.Grains.CopyTo(offset + page, ours);
                if (!part.Slice(page, ours.Length).SequenceEqual(ours))
                {
                    device.Commit!.MarkDirty((offset + page) * 8, 1);
                }
            }
        }
    }

    private ulong Sector(long mapOffset) => (_format.MapOffset + (ulong)mapOffset) / BlockDevice.SectorSize;
}
