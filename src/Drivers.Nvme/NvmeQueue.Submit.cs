using System.Runtime.CompilerServices;
using Makatea.Platform;

namespace Makatea.Drivers.Nvme;

/// <content>Requests are checked and accepted.</content>
public sealed partial class NvmeQueue
{
    private void Accept(in BlockRequest request, NamespaceGeometry? geometry)
    {
        BlockStatus status = _capabilities.Check(request.Operation, out NvmOpcode opcode);
        AcceptAs(request, opcode, status, geometry);
    }

    private void AcceptCompare(in BlockRequest request, NamespaceGeometry? geometry) =>
        AcceptAs(request, NvmOpcode.Compare, _capabilities.CanCompare ? BlockStatus.Ok : BlockStatus.Unsupported, geometry);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void AcceptAs(in BlockRequest request, NvmOpcode opcode, BlockStatus status, NamespaceGeometry? geometry)
    {
        ref RequestState state = ref _requests[request.Tag];
        if (state.IsOpen)
        {
            ThrowOutstanding(request.Tag);
        }

        _open++;
        state.Status = default;
        if (status != BlockStatus.Ok || !IsAllowed(request, opcode, geometry))
        {
            Refuse(ref state, request.Tag, status);
            return;
        }

        uint blocks = opcode == NvmOpcode.Flush ? 1 : request.SectorCount >> _shift;
        if (blocks == 0 || (opcode == NvmOpcode.Flush && !_capabilities.HasVolatileCache))
        {
            _finished.Enqueue(new BlockCompletion(request.Tag, BlockStatus.Ok));
            return;
        }

        state.Data = request.Data;
        state.Cursor = default;
        state.FirstBlock = request.Sector >> _shift;
        state.Blocks = blocks;
        state.Issued = 0;
        state.Outstanding = 0;
        state.Opcode = opcode;
        state.MayDeallocate = request.Operation == BlockOperation.WriteZeroesUnmap && _capabilities.CanDeallocateZeroes;
        state.IsOpen = true;
        if (!_isRunning || _pending.Count != 0 || !TryIssue(request.Tag, ref state))
        {
            Postpone(request.Tag, ref state);
        }
    }

    private void Postpone(int tag, ref RequestState state)
    {
        if (_seenWord == RecoveryGate.Failed)
        {
            state.Fail(NvmeStatus.HostAborted);
            Finish(tag, ref state);
            return;
        }

        state.IsPending = true;
        _pending.Enqueue(tag);
    }

    /// <summary>Whether the namespace is still the one that was opened and the sectors are whole blocks of it, which may be written if that is asked for.</summary>
    private bool IsAllowed(in BlockRequest request, NvmOpcode opcode, NamespaceGeometry? geometry)
    {
        if (geometry is null)
        {
            return false;
        }

        if (opcode == NvmOpcode.Flush)
        {
            return true;
        }

        ulong partOfBlock = (1ul << _shift) - 1;
        return ((request.Sector | request.SectorCount) & partOfBlock) == 0
            && request.Sector <= geometry.SectorCount && request.SectorCount <= geometry.SectorCount - request.Sector
            && (!geometry.IsReadOnly || opcode is NvmOpcode.Read or NvmOpcode.Compare);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void Refuse(ref RequestState state, int tag, BlockStatus status)
    {
        _errors++;
        state.Status = status == BlockStatus.Ok ? NvmeStatus.LbaOutOfRange : NvmeStatus.InvalidField;
        _finished.Enqueue(new BlockCompletion(tag, status == BlockStatus.Ok ? BlockStatus.IoError : status));
    }

    private static void ThrowOutstanding(int tag) => throw new ArgumentException($"tag {tag} is outstanding");

    /// <summary>What there is to do beside taking completions.</summary>
    /// <param name="isIdle">There were none.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void GoOn(bool isIdle)
    {
        if (_pending.Count != 0)
        {
            IssuePending();
        }

        if (isIdle)
        {
            _now = Environment.TickCount64;
            CheckTime();
        }

        _submissions.Publish();
    }
}
