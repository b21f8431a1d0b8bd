using Makatea.Drivers.Iommu.Registers;
using Makatea.Platform;
using static Makatea.Drivers.Iommu.Registers.VtdRegisters;

namespace Makatea.Drivers.Iommu.Faults;

/// <summary>The fault recording registers of a unit ([VT-d-4.1] 7.2 and 11.4.14): a small ring that the unit fills and software empties.</summary>
internal sealed class FaultLog(RegisterSpace registers, VtdCapabilities capabilities, ushort segment)
{
    private const ulong AddressMask = ~0xffful;
    private const int InterruptIndexShift = 48;

    /// <summary>Forgets what was recorded before anybody listened.</summary>
    internal void Reset() => Take([]);

    /// <summary>Takes what was recorded. However fast a device goes wrong, a call ends after one round through the ring.</summary>
    /// <returns>True where more was blocked than there was room for.</returns>
    internal bool Take(ICollection<IommuFault> faults)
    {
        uint status = registers.ReadUInt32(FaultStatus);
        uint next = (status >> Fault.RecordIndexShift) & Fault.RecordIndexMask;
        for (int i = 0; (status & Fault.Pending) != 0 && i < capabilities.FaultRecords; i++)
        {
            ulong record = capabilities.FaultRecordOffset + ((next + (uint)i) % (uint)capabilities.FaultRecords * FaultRecordLength);
            ulong high = registers.ReadUInt64(record + sizeof(ulong));
            if ((high & FaultRecord.Valid) == 0)
            {
                break;
            }

            faults.Add(Decode(registers.ReadUInt64(record), high));

            // Written as ones: valid alone is cleared by it, the rest is read-only.
            registers.WriteUInt32(record + 12, (uint)(FaultRecord.Valid >> 32));
        }

        if ((status & Fault.Overflow) == 0)
        {
            return false;
        }

        registers.WriteUInt32(FaultStatus, Fault.Overflow);
        return true;
    }

    /// <summary>Has the unit send a message whenever it records a fault. The unit's own messages are not remapped.</summary>
    internal void SetMessage(InterruptMessage message)
    {
        registers.WriteUInt32(FaultEventControl, FaultEvent.Mask);
        registers.WriteUInt32(FaultEventData, message.Data);
        registers.WriteUInt32(FaultEventAddress, (uint)message.Address);
        registers.WriteUInt32(FaultEventUpperAddress, (uint)(message.Address >> 32));
        registers.WriteUInt32(FaultEventControl, 0);
    }

    private IommuFault Decode(ulong low, ulong high)
    {
        byte reason = (byte)(high >> FaultRecord.ReasonShift);
        var device = PciAddress.FromRequesterId(segment, (ushort)high);
        return reason is >= FaultReason.FirstInterrupt and <= FaultReason.LastInterrupt
            ? new(IommuFaultKind.Interrupt, device, 0, (ushort)(low >> InterruptIndexShift), DmaAccess.Write, reason)
            : new(IommuFaultKind.Dma, device, low & AddressMask, 0, (high & FaultRecord.IsRead) != 0 ? DmaAccess.Read : DmaAccess.Write, reason);
    }
}
