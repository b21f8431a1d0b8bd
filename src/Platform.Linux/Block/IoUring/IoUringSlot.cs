using System.Runtime.InteropServices;

namespace Makatea.Platform.Linux;

/// <summary>A request in the kernel's hands, and how far it got.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct IoUringSlot
{
    /// <summary>The request.</summary>
    internal BlockRequest Request;

    /// <summary>Bytes transferred by the legs before this one.</summary>
    internal long Done;

    // Bytes that this leg, and all legs together, are to transfer; 0 for what is no transfer.
    private long _leg;
    private long _length;

    /// <summary>Takes a new request.</summary>
    internal void Begin(in BlockRequest request)
    {
        Request = request;
        Done = 0;
        _leg = 0;
        _length = request.Operation is BlockOperation.Read or BlockOperation.Write ? (long)request.SectorCount * BlockDevice.SectorSize : 0;
    }

    /// <summary>Whether <paramref name="result"/>, a completion's, ends the request well.</summary>
    internal readonly bool IsWhole(int result) => result == _leg && Done + _leg == _length;

    /// <summary>Fills a submission entry with what is left of the request.</summary>
    internal void Prepare(BlockFile file, IoUringSqe* entry)
    {
        *entry = default;
        entry->Flags = IoUringAbi.SqeFixedFile;
        entry->UserData = (uint)Request.Tag;
        switch (Request.Operation)
        {
            case BlockOperation.Read:
            case BlockOperation.Write:
                bool isRead = Request.Operation == BlockOperation.Read;
                TransferLeg leg = TransferLeg.After(Request.Data, Done);
                _leg = leg.Length;
                entry->Opcode = leg.Count == 0 ? isRead ? IoUringAbi.OpRead : IoUringAbi.OpWrite : isRead ? IoUringAbi.OpReadV : IoUringAbi.OpWriteV;
                entry->Offset = (Request.Sector * BlockDevice.SectorSize) + (ulong)Done;
                entry->Address = (ulong)leg.Address;
                entry->Length = leg.Count == 0 ? (uint)leg.Length : (uint)leg.Count;
                break;
            case BlockOperation.Flush:
                entry->Opcode = IoUringAbi.OpFSync;
                entry->OperationFlags = IoUringAbi.FSyncDataSync;
                break;
            default:
                // As the kernel has it: the mode in the length's place and the length in the address's.
                entry->Opcode = IoUringAbi.OpFAllocate;
                entry->Length = (uint)FileSpace.ModeOf(file, Request.Operation);
                entry->Offset = Request.Sector * BlockDevice.SectorSize;
                entry->Address = (ulong)Request.SectorCount * BlockDevice.SectorSize;
                break;
        }
    }
}
