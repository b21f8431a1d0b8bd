using System.Diagnostics;
using Makatea.Drivers.Iommu.Faults;
using Makatea.Drivers.Iommu.Interrupts;
using Makatea.Drivers.Iommu.Registers;
using Makatea.Drivers.Iommu.Tables;
using Makatea.Platform;
using static Makatea.Drivers.Iommu.Registers.VtdRegisters;

namespace Makatea.Drivers.Iommu.Units;

/// <summary>
/// A remapping unit. <see cref="Enable"/> is the moment from which its devices reach nothing but what was granted, and it is never switched off again: its root table,
/// queue and interrupt table stay its own when this program ends. Not for several threads at a time: the host locks.
/// </summary>
internal sealed class VtdUnit
{
    private readonly RegisterSpace _registers;
    private readonly VtdCapabilities _capabilities;
    private readonly TimeSpan _timeout;
    private readonly InvalidationQueue _queue;
    private readonly ContextTables _contexts;

    // What a unit that failed may still read.
    private readonly List<TablePage> _quarantine = [];

    internal VtdUnit(Machine machine, DmarUnit description, VtdCapabilities capabilities, TableMemory memory, bool remapsInterrupts, IommuOptions options)
    {
        Description = description;
        _capabilities = capabilities;
        _timeout = options.Timeout;
        ulong end = Math.Max(PageLength, capabilities.FaultRecordOffset + ((ulong)capabilities.FaultRecords * FaultRecordLength));
        _registers = machine.MapRegisters(description.RegisterBase, (end + PageLength - 1) & ~(PageLength - 1));
        _queue = new InvalidationQueue(_registers, machine.Physical, Name(description), options.Timeout);
        _contexts = new ContextTables(memory);
        Faults = new FaultLog(_registers, capabilities, description.Segment);
        Interrupts = capabilities.RemapsInterrupts && remapsInterrupts ? new InterruptTable(machine.Physical, memory.IsCoherent, options.InterruptEntries) : null;
    }

    /// <summary>What firmware says of it.</summary>
    internal DmarUnit Description { get; }

    /// <summary>What it blocked.</summary>
    internal FaultLog Faults { get; }

    /// <summary>Its interrupts; null where it cannot remap them.</summary>
    internal InterruptTable? Interrupts { get; }

    private IotlbDrain Drain => (_capabilities.DrainsWrites ? IotlbDrain.Writes : 0) | (_capabilities.DrainsReads ? IotlbDrain.Reads : 0);

    /// <summary>Reads what a unit can do, and changes nothing.</summary>
    /// <exception cref="IommuException">It cannot be used.</exception>
    internal static VtdCapabilities ReadCapabilities(Machine machine, DmarUnit description) =>
        VtdCapabilities.Read(machine.MapRegisters(description.RegisterBase, PageLength), Name(description));

    /// <summary>
    /// Switches translation and interrupt remapping on, with nothing granted. Where firmware had it on already, it stays on in between ([VT-d-4.1] 6.6 and 11.4.4).
    /// </summary>
    /// <exception cref="IommuException">The unit does not do as it is told.</exception>
    internal void Enable()
    {
        Faults.Reset();
        Command(Global.QueuedInvalidation, false);
        _queue.Place();
        Command(Global.QueuedInvalidation, true);

        _registers.WriteUInt64(RootTableAddress, _contexts.Address);
        Command(Global.RootTablePointer, true);
        _queue.Run(InvalidationDescriptor.AllContexts);
        _queue.Run(InvalidationDescriptor.AllTranslations(Drain));
        if (Interrupts is not null)
        {
            _registers.WriteUInt64(InterruptTableAddress, Interrupts.Register);
            Command(Global.InterruptTablePointer, true);
            _queue.Run(InvalidationDescriptor.AllInterrupts);
            Command(Global.CompatibilityInterrupts, false);
            Command(Global.InterruptRemapping, true);
        }

        FlushWrites();
        Command(Global.Translation, true);
        if (_capabilities.HasProtectedMemory && (_registers.ReadUInt32(ProtectedMemoryEnable) & ProtectedMemory.Status) != 0)
        {
            // What firmware kept from devices until somebody translates.
            _registers.WriteUInt32(ProtectedMemoryEnable, 0);
            Await(ProtectedMemoryEnable, ProtectedMemory.Status, 0, "switching protected memory off");
        }
    }

    /// <summary>Lets a requester reach what a table maps.</summary>
    internal void Attach(ushort requester, ushort domain, SecondLevelTable table)
    {
        _queue.ThrowIfFailed();
        _contexts.Set(requester, domain, table);
        if (_capabilities.CachesNotPresent)
        {
            // Entries that are not present are cached under domain 0 ([VT-d-4.1] 6.1).
            _queue.Run(InvalidationDescriptor.Context(0, requester), InvalidationDescriptor.Domain(domain, Drain));
        }

        FlushWrites();
    }

    /// <summary>Lets a requester reach nothing; none of its requests is under way at the return.</summary>
    internal void Detach(ushort requester, ushort domain)
    {
        TablePage? empty = _contexts.Clear(requester);
        FlushWrites();
        try
        {
            _queue.Run(InvalidationDescriptor.Context(domain, requester), InvalidationDescriptor.Domain(domain, Drain));
        }
        catch (IommuException) when (empty is not null)
        {
            _quarantine.Add(empty);
            throw;
        }

        empty?.Dispose();
    }

    /// <summary>To be called after entries that were not present became present.</summary>
    internal void Mapped(ushort domain, ulong first, ulong last)
    {
        _queue.ThrowIfFailed();
        if (_capabilities.CachesNotPresent)
        {
            Invalidate(domain, first, last);
        }

        FlushWrites();
    }

    /// <summary>Has the unit forget what it has of a range of addresses.</summary>
    internal void Unmapped(ushort domain, ulong first, ulong last)
    {
        FlushWrites();
        Invalidate(domain, first, last);
    }

    /// <summary>Has the unit forget what it has of a domain.</summary>
    internal void UnmappedAll(ushort domain)
    {
        FlushWrites();
        _queue.Run(InvalidationDescriptor.Domain(domain, Drain));
    }

    /// <summary>Has the unit read an entry of the interrupt table again.</summary>
    internal void InterruptChanged(ushort index)
    {
        FlushWrites();
        _queue.Run(InvalidationDescriptor.Interrupt(index));
    }

    private static string Name(DmarUnit description) => $"remapping unit at 0x{description.RegisterBase:x}";

    private void Invalidate(ushort domain, ulong first, ulong last)
    {
        Span<InvalidationDescriptor> batch = stackalloc InvalidationDescriptor[InvalidationRange.MaxPieces];
        int count = _capabilities.HasPageInvalidation ? InvalidationRange.Cover(batch, domain, first, last, _capabilities.MaxAddressMask, Drain) : 0;
        if (count > 0)
        {
            _queue.Run(batch[..count]);
        }
        else
        {
            _queue.Run(InvalidationDescriptor.Domain(domain, Drain));
        }
    }

    private void FlushWrites()
    {
        if (_capabilities.NeedsWriteBufferFlush)
        {
            _registers.WriteUInt32(GlobalCommand, (_registers.ReadUInt32(GlobalStatus) & Global.Lasting) | Global.WriteBufferFlush);
            Await(GlobalStatus, Global.WriteBufferFlush, 0, "flushing its write buffer");
        }
    }

    /// <summary>Changes one bit of the global command register and waits until the status says so.</summary>
    private void Command(uint bit, bool on)
    {
        uint status = _registers.ReadUInt32(GlobalStatus);
        if ((bit & Global.Lasting) != 0 && ((status & bit) != 0) == on)
        {
            return;
        }

        _registers.WriteUInt32(GlobalCommand, (status & Global.Lasting & ~bit) | (on ? bit : 0));
        Await(GlobalStatus, bit, on ? bit : 0, $"{(on ? "setting" : "clearing")} bit 0x{bit:x} of its global command register");
    }

    private void Await(ulong register, uint mask, uint value, string what)
    {
        long started = Stopwatch.GetTimestamp();
        while (_registers.ReadUInt32(register) is var seen && (seen & mask) != value)
        {
            if (Stopwatch.GetElapsedTime(started) > _timeout)
            {
                throw new IommuException($"the {Name(Description)} did not finish {what} within {_timeout.TotalMilliseconds} ms (register 0x{register:x} is 0x{seen:x}). Its devices may be unprotected");
            }
        }
    }
}
