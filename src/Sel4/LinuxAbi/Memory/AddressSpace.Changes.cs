namespace Makatea.Sel4.LinuxAbi;

/// <content>Changes of what is mapped: mprotect, madvise, mremap.</content>
internal static unsafe partial class AddressSpace
{
    /// <summary>mprotect. What the root task mapped stays as it is, but that a part of the program may be written.</summary>
    internal static long Protect(ulong address, ulong length, PageRights rights)
    {
        length = RoundUp(length);
        ulong end = address + length;
        if ((address & (PageSize - 1)) != 0 || end < address)
        {
            return Errno.Invalid;
        }

        ulong covered = 0;
        ulong promise = 0;
        for (int i = s_regions.FirstAbove(address); i < s_regions.Count && s_regions[i]->Start < end; i++)
        {
            ulong part = Within(s_regions[i], address, end);
            covered += part;
            promise += s_regions[i]->Kind == RegionKind.Private && (rights & PageRights.Write) != 0 ? part / PageSize : 0;
        }

        if (covered != length || !s_regions.HasRoom || s_promised - PromisedIn(address, end) + promise > s_mostPromised)
        {
            return Errno.NoMemory;
        }

        s_promised = s_promised - PromisedIn(address, end) + promise;
        int first = s_regions.CutAt(address);
        int last = s_regions.CutAt(end);
        for (int i = first; i < last; i++)
        {
            Region* region = s_regions[i];
            if (region->Kind == RegionKind.Program && (rights & ~region->Rights & PageRights.Write) != 0)
            {
                if (!PageStore.TryReplace(region->Start, region->End))
                {
                    s_promised = PromisedIn(0, ComponentLayout.FreeEnd);
                    return Errno.NoMemory;
                }

                region->Kind = RegionKind.Copied;
            }

            if (region->Kind is not (RegionKind.Fixed or RegionKind.Program) && region->Rights != rights)
            {
                PageStore.SetRights(region->Start, region->End, rights);
                region->Rights = rights;
            }
        }

        s_regions.JoinAround(address, end);
        return 0;
    }

    /// <summary>madvise with MADV_DONTNEED: what is there is zero the next time.</summary>
    internal static long Discard(ulong address, ulong length)
    {
        ulong end = address + RoundUp(length);
        if ((address & (PageSize - 1)) != 0 || end < address)
        {
            return Errno.Invalid;
        }

        for (int i = s_regions.FirstAbove(address); i < s_regions.Count && s_regions[i]->Start < end; i++)
        {
            Region* region = s_regions[i];
            if (region->Kind is RegionKind.Private or RegionKind.Stack)
            {
                PageStore.Take(region->Start > address ? region->Start : address, region->End < end ? region->End : end, region->Rights);
            }
        }

        return 0;
    }

    /// <summary>mremap of one region, or of a part of it.</summary>
    internal static long Remap(ulong address, ulong length, ulong wanted, bool mayMove)
    {
        length = RoundUp(length);
        wanted = RoundUp(wanted);
        Region* found = s_regions.Find(address);
        if ((address & (PageSize - 1)) != 0 || length == 0 || wanted == 0 || !IsOurs(address, length) || found == null)
        {
            return Errno.Invalid;
        }

        Region region = *found;
        if (region.Kind != RegionKind.Private || region.End - address < length)
        {
            return Errno.Fault;
        }

        if (wanted <= length)
        {
            long removed = wanted == length ? 0 : Unmap(address + wanted, length - wanted);
            return removed < 0 ? removed : (long)address;
        }

        if (IsOurs(address, wanted) && s_regions.IsFree(address + length, address + wanted))
        {
            long added = Map(address + length, wanted - length, region.Rights, region.Kind, replaces: true);
            return added < 0 ? added : (long)address;
        }

        long target = mayMove ? Map(0, wanted, region.Rights, region.Kind, replaces: false) : Errno.NoMemory;
        if (target < 0)
        {
            return target;
        }

        if (!PageStore.TryMove(address, address + length, (ulong)target, region.Rights))
        {
            // What was moved goes back: its tables are there.
            PageStore.TryMove((ulong)target, (ulong)target + length, address, region.Rights);
            Unmap((ulong)target, wanted);
            return Errno.NoMemory;
        }

        Unmap(address, length);
        return target;
    }
}
