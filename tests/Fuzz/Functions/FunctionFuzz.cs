using System.Runtime.InteropServices;
using Makatea.Drivers.Pci;
using Makatea.PciModel;
using Makatea.Platform;
using Makatea.Platform.Linux;

namespace Makatea.Fuzz.Functions;

/// <summary>
/// Fuzzes what the trusted base serves a component with, a device function over a channel: right, nearly right and random requests with right and wrong grants, torn ones, and
/// a component that leaves or does not read what it is answered. Every whole request is answered until the session ends, it ends in no other way than by the channel, and
/// the function is off with nothing mapped afterwards.
/// </summary>
public sealed class FunctionFuzz : IFuzzTarget
{
    private const ulong MemoryLength = 0x8000;
    private static readonly FunctionOperation[] _operations = Enum.GetValues<FunctionOperation>();

    private readonly LinuxHost _host = new();
    private readonly Grant _memory;
    private readonly Grant _doorbellGrant;
    private readonly Doorbell _doorbell;
    private readonly Grant _file = new LinuxGrant(File.OpenHandle("/dev/null", FileMode.Open, FileAccess.ReadWrite));
    private readonly List<ulong> _mapped = [];
    private readonly byte[] _answer = new byte[FunctionReply.Size + FunctionReply.MaxTail];
    private readonly List<Grant> _received = [];
    private long _done;
    private long _refused;
    private long _torn;
    private long _unread;

    /// <summary>Makes what components have to give.</summary>
    public FunctionFuzz()
    {
        _memory = _host.CreateMemory("component", MemoryLength);
        _doorbell = _host.CreateDoorbell();
        _doorbellGrant = _host.ShareDoorbell(_doorbell, DoorbellEnd.Wait);
    }

    /// <inheritdoc/>
    public string Name => "functions";

    /// <inheritdoc/>
    public string Unit => "requests";

    /// <inheritdoc/>
    public int MaxInput => 2048;

    /// <inheritdoc/>
    public string Coverage => $"done {_done}, refused {_refused}; sessions torn {_torn}, unread {_unread}";

    /// <inheritdoc/>
    public long Run(FuzzInput input)
    {
        var function = new FakeFunction(_host.CreateDoorbell);

        // What is mapped for a device has to be there, all of it.
        function.Space.Mapped = (address, length) => FuzzException.ThrowUnless(length <= MemoryLength, $"0x{length:x} bytes of 0x{MemoryLength:x} were mapped at 0x{address:x}");
        using MessageChannel component = _host.CreateChannel(out Grant theirs);
        MessageChannel channel;
        using (theirs)
        {
            channel = theirs.OpenChannel();
        }

        var server = new FunctionServer(function, _host, channel);
        Exception? fault = null;
        var thread = new Thread(() =>
        {
            try
            {
                server.Run();
            }
            catch (Exception e)
            {
                fault = e;
            }
        })
        { IsBackground = true, Name = "function" };
        thread.Start();
        _mapped.Clear();
        long requests = 0;
        bool reads = !input.OneIn(32);
        try
        {
            while (!input.IsAtEnd && Send(component, input))
            {
                requests++;
                if (reads)
                {
                    ReadAnswer(component);
                }
            }
        }
        catch (IOException e)
        {
            FuzzException.ThrowUnless(!reads, $"the server ended the channel in the place of an answer ({fault?.Message ?? e.Message})");
        }

        _unread += reads ? 0 : 1;
        component.Close();
        thread.Join();
        server.Dispose();
        FuzzException.ThrowUnless(fault is null or IOException, $"a session ended with {fault}");
        FuzzException.ThrowUnless(function.Space.Mappings.Count == 0, $"{function.Space.Mappings.Count} mappings are left after the session");
        FuzzException.ThrowUnless(function.Calls[^1].StartsWith("disposed", StringComparison.Ordinal), $"after the session the function was left with '{function.Calls[^1]}'");
        return requests + 1;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _memory.Dispose();
        _doorbellGrant.Dispose();
        _doorbell.Dispose();
        _file.Dispose();
    }

    /// <returns>False where what was sent is no whole request: no answer will come.</returns>
    private bool Send(MessageChannel component, FuzzInput input)
    {
        FunctionRequest request = input.OneIn(8) ? Random(input) : Proper(input);
        Span<byte> bytes = MemoryMarshal.AsBytes(new Span<FunctionRequest>(ref request));
        List<Grant> grants = [];
        bool wantsGrant = request.Operation == FunctionOperation.MapMemory;
        if (input.OneIn(16) ? !wantsGrant : wantsGrant)
        {
            grants.Add(_memory);
        }

        while (input.OneIn(24) && grants.Count < MessageChannel.MaxGrants)
        {
            grants.Add(input.Pick<Grant>([_memory, _doorbellGrant, _file]));
        }

        bool isTorn = input.OneIn(256);
        component.Send(isTorn ? bytes[..(1 + input.Below(bytes.Length - 1))] : bytes, CollectionsMarshal.AsSpan(grants));
        _torn += isTorn ? 1 : 0;
        return !isTorn;
    }

    private FunctionRequest Proper(FuzzInput input)
    {
        FunctionOperation operation = input.Pick<FunctionOperation>(_operations);
        return operation switch
        {
            FunctionOperation.MapMemory => new() { Operation = operation, Address = (ulong)input.Below(8) * 0x1000, Length = (ulong)(1 + input.Below(4)) * 0x1000, Width = (ushort)(1 + input.Below(3)) },
            FunctionOperation.UnmapMemory => new() { Operation = operation, Address = _mapped.Count == 0 ? 0 : _mapped[input.Below(_mapped.Count)] },
            FunctionOperation.EnableInterrupts => new() { Operation = operation, Value = (ulong)(1 + input.Below(2)) },
            FunctionOperation.GetInterrupt or FunctionOperation.SetBusMaster => new() { Operation = operation, Value = (ulong)input.Below(2) },
            _ => new() { Operation = operation, Address = (ulong)input.Below(64) & ~7ul, Width = (ushort)(1 << input.Below(4)), Value = input.UInt64() },
        };
    }

    private static FunctionRequest Random(FuzzInput input) => new()
    {
        Operation = input.OneIn(4) ? (FunctionOperation)input.Byte() : input.Pick<FunctionOperation>(_operations),
        Index = input.Byte(),
        Width = (ushort)input.Odd(),
        Reserved = input.Byte(),
        Address = input.Odd(),
        Length = input.Odd(),
        Value = input.Odd(),
    };

    private void ReadAnswer(MessageChannel component)
    {
        Fill(component, _answer.AsSpan(0, FunctionReply.Size));
        FunctionReply reply = MemoryMarshal.Read<FunctionReply>(_answer);
        FuzzException.ThrowUnless(reply.TailLength <= FunctionReply.MaxTail && reply.Status <= 1, $"an answer has status {reply.Status} and {reply.TailLength} more bytes");
        Fill(component, _answer.AsSpan(FunctionReply.Size, (int)reply.TailLength));
        _done += reply.Status == 0 ? 1 : 0;
        _refused += reply.Status;
        if (reply.Status == 0 && reply.Value >= 0x1_0000)
        {
            _mapped.Add(reply.Value); // Perhaps an address; others are as good as wrong ones.
        }

        _received.ForEach(g => g.Dispose());
        _received.Clear();
    }

    private void Fill(MessageChannel component, Span<byte> buffer)
    {
        for (int filled = 0; filled < buffer.Length;)
        {
            int received = component.Receive(buffer[filled..], _received);
            filled += received != 0 ? received : throw new EndOfStreamException();
        }
    }
}
