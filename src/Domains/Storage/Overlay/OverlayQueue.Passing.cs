using System.Runtime.CompilerServices;
using Makatea.Platform;

namespace Makatea.Domains.Storage;

/// <summary>Requests that are passed on whole, and the batches to the devices below.</summary>
internal sealed partial class OverlayQueue
{
    private const int BatchSize = 64;

    private readonly BlockRequest[] _toBase = new BlockRequest[BatchSize];
    private readonly BlockRequest[] _toStorage = new BlockRequest[BatchSize];

    /// <summary>By tag, the grains that a write that was passed on has locked.</summary>
    private readonly GrainRun[] _becoming;
    private int _toBaseCount;
    private int _toStorageCount;

    /// <summary>Passes the request on in one piece, where that can be done.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool TryPassOn(in BlockRequest request)
    {
        if (request.Operation is not (BlockOperation.Read or BlockOperation.Write))
        {
            return false;
        }

        var grains = GrainsOf(request.Sector, request.Sector + request.SectorCount);
        bool inOnePlace = _owned.Run(grains.First, grains.Count, out bool owned) == grains.Count;
        if (inOnePlace && owned)
        {
            ToStorage(request, request.Tag);
            return true;
        }

        if (request.Operation == BlockOperation.Read)
        {
            if (inOnePlace)
            {
                ToBase(request);
            }

            return inOnePlace;
        }

        if (!IsWholeGrains(request.Sector, request.Sector + request.SectorCount))
        {
            return false;
        }

        long locked = _locked.TryAdd(grains.First, grains.Count);
        if (locked != grains.Count)
        {
            _locked.Remove(grains.First, locked);
            return false;
        }

        _becoming[request.Tag] = grains;
        ToStorage(request, request.Tag);
        return true;
    }

    private int PollStorage(Span<BlockCompletion> completions)
    {
        int polled = _storage.Poll(completions);
        int count = 0;
        for (int i = 0; i < polled; i++)
        {
            BlockCompletion completion = completions[i];
            if (completion.Tag < _depth)
            {
                ref GrainRun becoming = ref _becoming[completion.Tag];
                if (becoming.Count != 0)
                {
                    Unlock(becoming, completion.Status == BlockStatus.Ok);
                    becoming = default;
                }

                completions[count++] = completion;
            }
            else
            {
                EndBelow(completion);
            }
        }

        return count;
    }

    private int PollBase(Span<BlockCompletion> completions)
    {
        int polled = _base.Poll(completions);
        int count = 0;
        for (int i = 0; i < polled; i++)
        {
            BlockCompletion completion = completions[i];
            if (completion.Tag < _depth)
            {
                completions[count++] = completion;
            }
            else
            {
                EndBelow(completion);
            }
        }

        return count;
    }

    /// <summary>Ends a lock, after the grains became the overlay's where that succeeded.</summary>
    private void Unlock(GrainRun grains, bool owned)
    {
        if (owned)
        {
            _owned.Add(grains.First, grains.Count);
            _device.Commit?.MarkDirty(grains.First, grains.Count);
        }

        _locked.Remove(grains.First, grains.Count);
    }

    private GrainRun GrainsOf(ulong sector, ulong end)
    {
        long first = (long)(sector / _grainSectors);
        return new GrainRun(first, (long)((end - 1) / _grainSectors) + 1 - first);
    }

    /// <summary>Whether no grain is covered in part. The last one may end with the device.</summary>
    private bool IsWholeGrains(ulong sector, ulong end) => sector % _grainSectors == 0 && (end % _grainSectors == 0 || end == _sectorCount);

    private void ToBase(in BlockRequest request)
    {
        if (_toBaseCount == BatchSize)
        {
            SubmitBelow();
        }

        _toBase[_toBaseCount++] = request;
    }

    /// <summary>Passes a request on, moved to the data area.</summary>
    private void ToStorage(in BlockRequest request, int tag)
    {
        ref BlockRequest moved = ref NextToStorage();
        moved = request;
        moved.Tag = tag;
        moved.Sector += _dataSector;
    }

    private ref BlockRequest NextToStorage()
    {
        if (_toStorageCount == BatchSize)
        {
            SubmitBelow();
        }

        return ref _toStorage[_toStorageCount++];
    }

    private void SubmitBelow()
    {
        if (_toStorageCount != 0)
        {
            _storage.Submit(_toStorage.AsSpan(0, _toStorageCount));
            _toStorageCount = 0;
        }

        if (_toBaseCount != 0)
        {
            _base.Submit(_toBase.AsSpan(0, _toBaseCount));
            _toBaseCount = 0;
        }
    }
}
