using System.Runtime.InteropServices;
using Makatea.Platform;

namespace Makatea.Drivers.Pci;

/// <summary>
/// Serves one function to the component that it was granted to, over a channel: for a function behind a host bridge and an IOMMU that others have parts of. The component
/// chooses neither addresses nor other functions. It is not trusted: each request is checked by the function's own contract, a wrong one is refused with a message, one that is
/// none ends the channel. When the channel ends the function is switched off, and then reaches none of the component's memory any more.
/// </summary>
/// <param name="function">The function, disposed with the server.</param>
/// <param name="host">Shares the doorbells of its interrupts.</param>
/// <param name="channel">The component's channel, taken over.</param>
public sealed class FunctionServer(PciFunction function, ComponentHost host, MessageChannel channel) : IDisposable
{
    /// <summary>Most ranges of memory that a component may have mapped for its function.</summary>
    public const int MaxMappings = 240;

    private readonly FunctionChannel _messages = new(channel);
    private readonly Dictionary<int, RegisterSpace> _bars = [];
    private readonly Dictionary<ulong, (MappedMemory Memory, DmaMapping Mapping)> _memory = [];
    private PciInterrupts? _interrupts;

    /// <summary>Serves until the component closes the channel or <see cref="Close"/>.</summary>
    /// <exception cref="IOException">The channel failed, or the component sent what is no request.</exception>
    public void Run()
    {
        var grants = new List<Grant>();
        while (_messages.TryReceive(out FunctionRequest request, grants))
        {
            try
            {
                Handle(request, grants);
            }
            catch (Exception e) when (e is ArgumentException or IOException or GrantException or NotSupportedException)
            {
                _messages.Refuse(e.Message);
            }
            finally
            {
                grants.ForEach(g => g.Dispose());
                grants.Clear();
            }
        }
    }

    /// <summary>Ends the channel; <see cref="Run"/> returns. From any thread.</summary>
    public void Close() => channel.Close();

    /// <summary>Switches the function off and takes its memory out of reach. <see cref="Run"/> has returned.</summary>
    public void Dispose()
    {
        channel.Dispose();
        function.Dispose();
        foreach ((MappedMemory memory, DmaMapping mapping) in _memory.Values)
        {
            mapping.Dispose();
            memory.Dispose();
        }

        _memory.Clear();
    }

    private void Handle(in FunctionRequest request, List<Grant> grants)
    {
        if (grants.Count != (request.Operation == FunctionOperation.MapMemory ? 1 : 0))
        {
            throw new ArgumentException($"{grants.Count} grants came with {request.Operation}; only MapMemory takes one");
        }

        ulong value = 0;
        switch (request.Operation)
        {
            case FunctionOperation.Describe:
                FunctionDescription description = Describe();
                _messages.Reply(0, MemoryMarshal.AsBytes(new ReadOnlySpan<FunctionDescription>(in description)));
                return;
            case FunctionOperation.ReadConfig:
                value = function.ReadConfig(Offset(request), request.Width);
                break;
            case FunctionOperation.WriteConfig:
                function.WriteConfig(Offset(request), request.Width, (uint)request.Value);
                break;
            case FunctionOperation.MapBar:
                _bars.TryAdd(request.Index, function.MapBar(request.Index));
                value = _bars[request.Index].Length;
                break;
            case FunctionOperation.ReadRegister:
                value = Read(Bar(request), request);
                break;
            case FunctionOperation.WriteRegister:
                Write(Bar(request), request);
                break;
            case FunctionOperation.SetBusMaster:
                function.SetBusMaster(request.Value != 0);
                break;
            case FunctionOperation.Reset:
                function.Reset();
                break;
            case FunctionOperation.EnableInterrupts:
                _interrupts = function.EnableInterrupts((int)Math.Min(request.Value, int.MaxValue));
                value = (ulong)_interrupts.Kind;
                break;
            case FunctionOperation.GetInterrupt:
                using (Grant doorbell = host.ShareDoorbell(Vector(request), DoorbellEnd.Wait))
                {
                    _messages.Reply(0, default, doorbell);
                }

                return;
            case FunctionOperation.DisableInterrupts:
                function.DisableInterrupts();
                _interrupts = null;
                break;
            case FunctionOperation.Rearm:
                _interrupts?.Rearm();
                break;
            case FunctionOperation.MapMemory:
                value = Map(request, grants[0]);
                break;
            case FunctionOperation.UnmapMemory:
                Unmap(request.Address);
                break;
            default:
                throw new ArgumentException($"{(int)request.Operation} is no operation on a function");
        }

        _messages.Reply(value);
    }

    private static int Offset(in FunctionRequest request) => (int)Math.Min(request.Address, int.MaxValue);

    private static ulong Read(RegisterSpace bar, in FunctionRequest request) => request.Width switch
    {
        1 => bar.ReadByte(request.Address),
        2 => bar.ReadUInt16(request.Address),
        4 => bar.ReadUInt32(request.Address),
        8 => bar.ReadUInt64(request.Address),
        ushort width => throw new ArgumentException($"registers are 1, 2, 4 or 8 bytes wide, not {width}"),
    };

    private static void Write(RegisterSpace bar, in FunctionRequest request)
    {
        switch (request.Width)
        {
            case 1:
                bar.WriteByte(request.Address, (byte)request.Value);
                break;
            case 2:
                bar.WriteUInt16(request.Address, (ushort)request.Value);
                break;
            case 4:
                bar.WriteUInt32(request.Address, (uint)request.Value);
                break;
            case 8:
                bar.WriteUInt64(request.Address, request.Value);
                break;
            default:
                throw new ArgumentException($"registers are 1, 2, 4 or 8 bytes wide, not {request.Width}");
        }
    }

    private RegisterSpace Bar(in FunctionRequest request) => _bars.TryGetValue(request.Index, out RegisterSpace bar)
        ? bar
        : throw new ArgumentException($"base address register {request.Index} was not mapped");

    private Doorbell Vector(in FunctionRequest request) => _interrupts is { } interrupts && request.Value < (ulong)interrupts.Vectors.Count
        ? interrupts.Vectors[(int)request.Value]
        : throw new ArgumentException($"vector {request.Value} is not in use; there are {_interrupts?.Vectors.Count ?? 0}");

    private ulong Map(in FunctionRequest request, Grant grant)
    {
        if (_memory.Count == MaxMappings)
        {
            throw new DmaException($"{MaxMappings} ranges of memory are mapped for the function, which is all that a component may have");
        }

        var access = (DmaAccess)request.Width;
        if (access == DmaAccess.None || (access & ~DmaAccess.ReadWrite) != 0)
        {
            throw new ArgumentException($"memory is mapped for reading, writing or both (1 to 3), not {request.Width}");
        }

        // What the function may not write the component need not be able to write either.
        MappedMemory memory = grant.Map(request.Address, request.Length, (access & DmaAccess.Write) != 0 ? MemoryAccess.ReadWrite : MemoryAccess.Read);
        try
        {
            DmaMapping mapping = function.Dma.Map(memory, access);
            _memory.Add(mapping.Iova, (memory, mapping));
            return mapping.Iova;
        }
        catch
        {
            memory.Dispose();
            throw;
        }
    }

    private void Unmap(ulong iova)
    {
        if (!_memory.Remove(iova, out (MappedMemory Memory, DmaMapping Mapping) mapped))
        {
            throw new ArgumentException($"nothing was mapped at 0x{iova:x}");
        }

        mapped.Mapping.Dispose();
        mapped.Memory.Dispose();
    }

    private FunctionDescription Describe()
    {
        PciIdentity identity = function.Identity;
        var description = new FunctionDescription
        {
            Segment = function.Address.Segment,
            RequesterId = function.Address.RequesterId,
            Vendor = identity.Vendor,
            Device = identity.Device,
            SubsystemVendor = identity.SubsystemVendor,
            Subsystem = identity.Subsystem,
            ClassAndRevision = (identity.ClassCode << 8) | identity.Revision,
            ConfigLength = function.ConfigLength,
            MaxInterrupts = function.MaxInterrupts,
            AddressBits = function.Dma.AddressBits,
            PageSize = function.Dma.PageSize,
            IsProtected = function.Dma.IsProtected ? 1u : 0,
        };
        for (int i = 0; i < 6; i++)
        {
            PciBar bar = function.GetBar(i);
            description.Bars[i] = new BarDescription { Length = bar.Length, Kind = (uint)bar.Kind, IsPrefetchable = bar.IsPrefetchable ? 1u : 0 };
        }

        return description;
    }
}
