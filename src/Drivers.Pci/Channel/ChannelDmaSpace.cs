using Makatea.Platform;

namespace Makatea.Drivers.Pci;

/// <summary>The address space of a <see cref="ChannelFunction"/>: its server maps the memory that it is granted.</summary>
internal sealed class ChannelDmaSpace(ChannelFunction function, ComponentHost host, FunctionDescription description) : DmaSpace
{
    /// <inheritdoc/>
    public override bool IsProtected => description.IsProtected != 0;

    /// <inheritdoc/>
    public override int AddressBits => description.AddressBits;

    /// <inheritdoc/>
    public override int PageSize => description.PageSize;

    /// <inheritdoc/>
    public override DmaMemory Allocate(ulong length)
    {
        ulong mask = (ulong)PageSize - 1;
        ulong whole = (length + mask) & ~mask;
        using Grant grant = IsProtected ? host.CreateMemory("makatea-dma", whole) : MakeContiguous(whole);
        return Own(grant.Map(0, whole, MemoryAccess.ReadWrite));
    }

    /// <summary>Memory that is in one piece without an IOMMU's help.</summary>
    private Grant MakeContiguous(ulong length)
    {
        try
        {
            return host.CreateMemory("makatea-dma", length, PageSize);
        }
        catch (IOException e)
        {
            throw new DmaException(e.Message, e);
        }
    }

    /// <inheritdoc/>
    protected override ulong MapPages(nint address, ulong length, DmaAccess access) =>
        throw new DmaException($"0x{length:x} bytes at 0x{address:x} belong to no object that could be granted to whoever serves the function; use memory that {nameof(Allocate)} made");

    /// <inheritdoc/>
    protected override ulong MapMemory(MappedMemory memory, nint address, ulong length, DmaAccess access)
    {
        using Grant? grant = memory.Share(out ulong offset);
        if (grant is null)
        {
            return MapPages(address, length, access);
        }

        var request = new FunctionRequest
        {
            Operation = FunctionOperation.MapMemory,
            Address = offset - ((ulong)memory.Address - (ulong)address),
            Length = length,
            Width = (ushort)access,
        };
        try
        {
            return function.Ask(request, grant, out _, out _);
        }
        catch (FunctionRefusedException e)
        {
            throw new DmaException(e.Message, e);
        }
    }

    /// <inheritdoc/>
    protected override void UnmapPages(ulong iova, ulong length)
    {
        try
        {
            _ = function.Ask(new FunctionRequest { Operation = FunctionOperation.UnmapMemory, Address = iova });
        }
        catch (IOException)
        {
            // The server is gone, and with it what it had mapped.
        }
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
    }
}
