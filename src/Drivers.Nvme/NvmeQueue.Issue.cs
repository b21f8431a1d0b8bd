using System.Runtime.CompilerServices;

namespace Makatea.Drivers.Nvme;

/// <content>From accepted requests to commands.</content>
public sealed partial class NvmeQueue
{
    /// <summary>Write Zeroes: the blocks may be deallocated (DEAC).</summary>
    private const uint Deallocate = 1 << 25;

    /// <summary>Dataset Management: deallocate (AD).</summary>
    private const uint AttributeDeallocate = 1 << 2;

    private long _commandCount;

    /// <summary>Issues what waits, in order, as far as places and buffers go.</summary>
    private void IssuePending()
    {
        while (_pending.Count != 0 && _isRunning)
        {
            int tag = _pending.Peek();
            ref RequestState state = ref _requests[tag];
            if (!state.IsIssued && _namespace.Geometry is null)
            {
                state.Fail(NvmeStatus.HostAborted);
            }

            if (!TryIssue(tag, ref state))
            {
                return;
            }

            _pending.Dequeue();
            state.IsPending = false;
            if (state.IsDone)
            {
                Finish(tag, ref state);
            }
        }
    }

    /// <summary>Makes the request's commands.</summary>
    /// <returns>False where some have to wait for a place or a buffer.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool TryIssue(int tag, ref RequestState state)
    {
        while (!state.IsIssued)
        {
            if (!_commands.TryRent(out int slot))
            {
                return false;
            }

            ref CommandSlot command = ref _commands[slot];
            ref SubmissionEntry entry = ref _commands.EntryOf(slot);
            entry = default;
            entry.Command = (uint)state.Opcode;
            entry.NamespaceId = _namespaceId;
            command.Tag = tag;
            command.Attempts = 0;
            command.Bounce = -1;
            uint blocks = state.Opcode is NvmOpcode.Read or NvmOpcode.Write or NvmOpcode.Compare
                ? DescribeTransfer(ref entry, ref command, ref state, slot)
                : DescribeOther(ref entry, ref state, slot);
            if (blocks == 0)
            {
                _commands.Return(slot);
                if (!state.IsIssued)
                {
                    return false;
                }

                // A scatter list that is too short: what was issued before is waited for.
                if (state.Outstanding == 0 && !state.IsPending)
                {
                    Finish(tag, ref state);
                }

                return true;
            }

            state.Issued += blocks;
            state.Outstanding++;
            _commandCount++;
            Send(slot);
        }

        return true;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Send(int slot)
    {
        _commands.MarkSent(slot, _now);
        _submissions.Push(_commands.EntryOf(slot));
    }

    /// <summary>Read, Write, Compare ([NVM-1.1] 3.3.4, 3.3.6, 3.3.1).</summary>
    /// <returns>Blocks, or 0 where a buffer has to be waited for or the request failed.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private uint DescribeTransfer(ref SubmissionEntry entry, ref CommandSlot command, ref RequestState state, int slot)
    {
        int blockShift = _shift + 9;
        int wanted = (int)(Math.Min(state.Blocks - state.Issued, _limits.Transfer) << blockShift);
        ScatterCursor start = state.Cursor;
        int length = _mapper.Map(ref entry, slot, state.Data, ref state.Cursor, wanted, 1 << blockShift, out int bounce);
        if (length <= 0)
        {
            if (length == DataMapper.Malformed)
            {
                _errors++;
                state.Fail(NvmeStatus.InvalidField);
            }

            return 0;
        }

        if (bounce >= 0)
        {
            command.Bounce = bounce;
            command.Length = length;
            command.Start = start;
        }

        uint blocks = (uint)(length >> blockShift);
        entry.FirstBlock = state.FirstBlock + state.Issued;
        entry.Dword12 = blocks - 1;
        return blocks;
    }

    /// <summary>Flush, Write Zeroes, Dataset Management ([NVMe-2.1] 7.2, [NVM-1.1] 3.3.8, 3.3.3).</summary>
    private uint DescribeOther(ref SubmissionEntry entry, ref RequestState state, int slot)
    {
        uint left = state.Blocks - state.Issued;
        ulong first = state.FirstBlock + state.Issued;
        uint blocks = 1;
        switch (state.Opcode)
        {
            case NvmOpcode.WriteZeroes:
                blocks = Math.Min(left, _limits.Zeroes);
                entry.FirstBlock = first;
                entry.Dword12 = (blocks - 1) | (state.MayDeallocate ? Deallocate : 0);
                break;
            case NvmOpcode.DatasetManagement:
                blocks = Math.Min(left, _limits.Deallocate);
                _mapper.WriteRange(ref entry, slot, first, blocks);
                entry.Dword10 = 0; // One range, 0's based.
                entry.Dword11 = AttributeDeallocate;
                break;
        }

        return blocks;
    }
}
