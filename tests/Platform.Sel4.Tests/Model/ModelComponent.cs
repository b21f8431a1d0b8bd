using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using System.Text;
using Makatea.Sel4;

namespace Makatea.Platform.Sel4.Tests;

/// <summary>
/// A component in the model: its information as the root task lays it out, its slots, and the kernel, the root task and the layer behind the same entries as on seL4, so that
/// registers and messages are tried as well.
/// </summary>
internal sealed unsafe class ModelComponent : IDisposable
{
    internal const int Waiters = 8;
    private const ulong FirstWaiter = 100;
    private const ulong FirstGrantSlot = 1000;
    private const int InfoLength = 1 << 16;
    private const int GrantsOffset = 0x1000;
    private const int BoardOffset = 0x800;
    private const int NamesOffset = 0x8000;

    private readonly ModelSystem _system;
    private readonly NativeArray<byte> _info = new(InfoLength);
    private readonly NativeArray<byte> _dma = new(1 << 20);
    private readonly ModelNotification[] _waiters = [.. Enumerable.Range(0, Waiters).Select(_ => new ModelNotification())];
    private readonly List<(string Name, GrantInfo Info)> _grants = [];
    private readonly List<(ModelDoorbell Doorbell, ModelNotification Waiter)> _heard = [];
    private readonly ModelDoorbell[] _messages = [.. Enumerable.Range(0, 8).Select(i => new ModelDoorbell((ulong)i))];
    private readonly ConcurrentDictionary<Thread, bool> _threads = new();
    private readonly GCHandle _handle;
    private int _dmaTaken;
    private volatile bool _isDead;

    internal ModelComponent(ModelSystem system, string name, Dictionary<string, GrantInfo> grants, ulong generation = 1)
    {
        _system = system;
        _handle = GCHandle.Alloc(this);
        Write(name, grants, generation);
        Component = new Sel4Component(
            new KernelEntries { Context = GCHandle.ToIntPtr(_handle), Quick = &Trap, Blocking = &Trap, Layer = &Layer }, _info.AsSegment().Address);
    }

    internal Sel4Component Component { get; }

    /// <summary>What the guest of the component does, where it has one.</summary>
    internal ModelGuest? Guest { get; init; }

    /// <summary>Every call of the layer, for tests of what traps.</summary>
    internal List<(LayerRequest Request, ulong First)> LayerCalls { get; } = [];

    /// <summary>Acknowledged interrupt handlers, by slot.</summary>
    internal List<ulong> Acknowledged { get; } = [];

    internal ModelNotification Waiter(int number) => _waiters[number];

    /// <summary>The function sends a message.</summary>
    internal void Interrupt(int number) => _messages[number].Ring();

    /// <summary>Grants of the system's function with a number of messages.</summary>
    internal static Dictionary<string, GrantInfo> FunctionGrants(ModelSystem system, int messages)
    {
        Dictionary<string, GrantInfo> grants = new()
        {
            ["0000:00:03.0"] = new GrantInfo { Kind = GrantKind.Function, Number = 5, Value = 0x18, Slot = 77, Detail = 39, State = 1 },
            ["bar0"] = new GrantInfo { Kind = GrantKind.Bar, Number = 5, Value = 0, Detail = 4, Address = (ulong)system.Function.Registers.AsSegment().Address, Length = ModelFunction.RegistersLength, State = 1 },
        };
        for (int i = 0; i < messages; i++)
        {
            grants.Add($"message{i}", new GrantInfo { Kind = GrantKind.MessageInterrupt, Number = (ulong)i, Value = 0xfee0_0000 + ((ulong)i << 12), Detail = 0x40 + (ulong)i, Length = 5, State = 1 });
        }

        return grants;
    }

    /// <summary>Takes a grant back, as when a connection is taken apart.</summary>
    internal void Revoke(string name) => MemoryMarshal.Cast<byte, GrantInfo>(_info.AsSpan()[GrantsOffset..])[_grants.FindIndex(g => g.Name == name)].State = 0;

    /// <summary>The component dies: its threads go no further than their next system call, nobody is told, and nothing hears its doorbells any more.</summary>
    internal void Die()
    {
        _isDead = true;

        // Those that are asleep stop here and now: they are not to complain a minute later that nobody signals.
        foreach (ModelNotification waiter in _waiters)
        {
            waiter.Signal(0);
        }

        // The root task suspends all threads before another component starts; on a busy machine one of ours may still be on its way, and would write into what that one has already.
        Assert.True(
            SpinWait.SpinUntil(() => _threads.Keys.All(t => t == Thread.CurrentThread || (t.ThreadState & (ThreadState.WaitSleepJoin | ThreadState.Stopped)) != 0), TimeSpan.FromSeconds(30)),
            "a thread of the component goes on");
        Dispose();
    }

    /// <summary>Nothing hears its doorbells any more.</summary>
    public void Dispose()
    {
        foreach ((ModelDoorbell doorbell, _) in _heard)
        {
            doorbell.Listen(null, 0);
        }
    }

    private static void Trap(nint context, KernelRegisters* registers) => ((ModelComponent)GCHandle.FromIntPtr(context).Target!).Trap(registers);

    private static long Layer(nint context, long number, ulong first, ulong second, ulong third, ulong fourth, ulong fifth) =>
        ((ModelComponent)GCHandle.FromIntPtr(context).Target!).Layer((LayerRequest)number, first, second, third, fourth, fifth);

    // Numbers of the model's kernel: the value's place in the table, negative for system calls.
    private static long Board(BoardValue value) => value <= BoardValue.SysDebugPutChar ? -1 - (long)value : 100 + (long)value;

    private void Trap(KernelRegisters* registers)
    {
        _threads.TryAdd(Thread.CurrentThread, true);
        ulong slot = registers->Capability;
        StopWhereDead();
        if (Guest is { } guest && registers->Number == Board(BoardValue.SysVMEnter))
        {
            guest.Enter(registers);
        }
        else if (Guest is { } signalled && registers->Number == Board(BoardValue.SysNBSend) && slot == ModelGuest.Slot + 3)
        {
            signalled.Signal();
        }
        else if (registers->Number == Board(BoardValue.SysNBSend))
        {
            Assert.Equal(0ul, registers->Info);
            Signal(slot);
        }
        else if (registers->Number == Board(BoardValue.SysWait))
        {
            registers->Capability = _waiters[slot - FirstWaiter].Wait();
            StopWhereDead();
        }
        else if (registers->Number == Board(BoardValue.SysNBWait))
        {
            registers->Capability = _waiters[slot - FirstWaiter].Poll();
        }
        else
        {
            Assert.Equal(Board(BoardValue.SysCall), registers->Number);
            Call(registers, slot, registers->Info >> 12);
        }
    }

    private void StopWhereDead()
    {
        if (_isDead)
        {
            Thread.Sleep(Timeout.Infinite);
        }
    }

    private void Signal(ulong slot)
    {
        if (slot >= FirstGrantSlot && slot - FirstGrantSlot < (ulong)_grants.Count)
        {
            GrantInfo grant = _grants[(int)(slot - FirstGrantSlot)].Info;
            Assert.Equal(GrantKind.Ring, grant.Kind);
            _system.Doorbell(grant.Number)!.Ring();
        }
        else if (slot >= FirstWaiter && slot - FirstWaiter < Waiters)
        {
            _waiters[slot - FirstWaiter].Signal(0);
        }
    }

    private void Call(KernelRegisters* registers, ulong slot, ulong label)
    {
        if (slot == ComponentLayout.RootSlot)
        {
            registers->Info = (ulong)Ask((RootRequest)label, registers) << 12;
        }
        else if (label == (ulong)Board(BoardValue.IRQAckIRQ))
        {
            Acknowledged.Add(slot);
            registers->Info = 0;
        }
        else if (Guest is { } guest && slot == ModelGuest.Slot)
        {
            registers->Info = guest.Call((BoardValue)(label - 100), registers) ? 0 : 3ul << 12;
        }
        else
        {
            // A port reads as its number.
            registers->Info = registers->Message0 is >= 0x3f8 and < 0x400 ? 0 : 1ul << 12;
        }
    }

    private RootAnswer Ask(RootRequest request, KernelRegisters* registers)
    {
        (ulong first, ulong second) = (registers->Message0, registers->Message1);
        switch (request)
        {
            case RootRequest.Listen or RootRequest.Ignore:
                if (!_grants.Exists(g => g.Info.Kind == (GrantKind)first && g.Info.Number == second))
                {
                    return RootAnswer.Invalid;
                }

                ModelDoorbell doorbell = (GrantKind)first == GrantKind.Hear ? _system.Doorbell(second)! : _messages[second];
                ModelNotification? waiter = request == RootRequest.Listen ? _waiters[registers->Message2] : null;
                doorbell.Listen(waiter, request == RootRequest.Listen ? 1ul << (int)registers->Message3 : 0);
                if (waiter is not null)
                {
                    _heard.Add((doorbell, waiter));
                }

                return RootAnswer.Done;
            case RootRequest.ResetFunction when first == 5:
                return _system.Function.TryReset() ? RootAnswer.Done : RootAnswer.State;
            case RootRequest.ReadConfig when first == 5 && second < 256:
                registers->Message0 = _system.Function.Get((int)second, (int)registers->Message2);
                return RootAnswer.Done;
            case RootRequest.WriteConfig when first == 5 && second < 256:
                _system.Function.Set((int)second, (int)registers->Message2, (uint)registers->Message3);
                return RootAnswer.Done;
            default:
                return RootAnswer.Invalid;
        }
    }

    private long Layer(LayerRequest request, ulong first, ulong second, ulong third, ulong fourth, ulong fifth)
    {
        const int InvalidArgument = 22;
        const int NoMemory = 12;
        lock (LayerCalls)
        {
            LayerCalls.Add((request, first));
            switch (request)
            {
                case LayerRequest.SetTimer:
                    _waiters[first].SetTimer(second);
                    return 0;
                case LayerRequest.AllocateDma:
                    if (first > (ulong)(_dma.Length - _dmaTaken))
                    {
                        return -NoMemory;
                    }

                    _dmaTaken += (int)first;
                    return _dma.AsSegment().Address + _dmaTaken - (int)first;
                case LayerRequest.MapDma when first == 5 && (second | third | fourth) % 4096 == 0:
                    _system.Function.Mapped.Add(fourth, (second, third, fifth));
                    return 0;
                case LayerRequest.UnmapDma when first == 5 && _system.Function.Mapped.TryGetValue(second, out (ulong Address, ulong Length, ulong Access) mapped) && mapped.Length == third:
                    _system.Function.Mapped.Remove(second);
                    return 0;
                case LayerRequest.BindGuest when Guest is { Bound: null } && first == 3:
                    Guest.Bound = Thread.CurrentThread;
                    return 0;
                case (LayerRequest)11:
                    return 0;
                default:
                    return -InvalidArgument;
            }
        }
    }

    private void Write(string name, Dictionary<string, GrantInfo> grants, ulong generation)
    {
        Span<byte> bytes = _info.AsSpan();
        int names = NamesOffset;
        int nameLength = Encoding.UTF8.GetBytes(name, bytes[names..]);
        foreach ((string grant, GrantInfo given) in grants)
        {
            names += 256;
            GrantInfo info = given;
            info.Slot = info.Slot == 0 ? FirstGrantSlot + (ulong)_grants.Count : info.Slot;
            info.NameOffset = (ulong)names;
            info.NameLength = (ulong)Encoding.UTF8.GetBytes(grant, bytes[names..]);
            MemoryMarshal.Cast<byte, GrantInfo>(bytes[GrantsOffset..])[_grants.Count] = info;
            _grants.Add((grant, info));
        }

        for (BoardValue value = 0; value < BoardValue.Count; value++)
        {
            MemoryMarshal.Cast<byte, long>(bytes[BoardOffset..])[(int)value] = Board(value);
        }

        MemoryMarshal.Cast<byte, ComponentInfo>(bytes)[0] = new ComponentInfo
        {
            Magic = ComponentInfo.MagicValue,
            Generation = generation,
            BoardOffset = BoardOffset,
            NameOffset = NamesOffset,
            NameLength = (ulong)nameLength,
            FirstWaiter = FirstWaiter,
            Waiters = Waiters,
            TicksPerMicrosecond = 1000,
            GrantsOffset = GrantsOffset,
            GrantCount = (ulong)_grants.Count,
        };
    }
}
