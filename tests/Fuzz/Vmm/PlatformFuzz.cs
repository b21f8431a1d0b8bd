using Makatea.Vmm;

namespace Makatea.Fuzz.Vmm;

/// <summary>
/// Fuzzes the platform's devices as a hostile guest reaches them: accesses of every width at every port and register, MSRs of the local APICs, time that jumps, while another thread posts messages and
/// pulls lines. Nothing throws, hangs or allocates; a vector is in service only because it was taken; deadlines come to an end; and whatever was done, an interrupt can be delivered afterwards.
/// </summary>
public sealed class PlatformFuzz : IFuzzTarget
{
    private const uint EndOfInterrupt = 0xb0;
    private const uint InService = 0x100;
    private const uint SpuriousVector = 0xf0;

    /// <summary>A session's at most: the first time that two threads want a lock it gets what they wait at.</summary>
    private const long AllocatedOnce = 4096;

    private static readonly ulong[] _ports = [0x40, 0x43, 0x61, 0x64, 0x70, 0x71, 0x3f8, 0x3f9, 0x3fa, 0x3fb, 0x3fc, 0x600, 0x602, 0x604, 0x608, 0xcf9];
    private static readonly uint[] _msrs = [0x1b, 0x6e0, 0x808, 0x80b, 0x80f, 0x828, 0x830, 0x832, 0x837, 0x838, 0x83e, 0x83f];

    private readonly Vectors[] _inService = new Vectors[FuzzedPlatform.Processors];
    private readonly byte[] _output = new byte[SerialPort.OutputCapacity + 1];
    private readonly Thread _poster;
    private FuzzedPlatform _platform = new();
    private FuzzedPlatform? _posted;
    private bool _ended;
    private long _allocated;
    private long _taken, _refused, _unanswered, _requests, _deadlines, _posts, _wakes;

    /// <summary>Starts who posts.</summary>
    public PlatformFuzz()
    {
        _poster = new Thread(Post) { IsBackground = true, Name = "posts" };
        _poster.Start();
    }

    /// <inheritdoc/>
    public string Name => "vmm";

    /// <inheritdoc/>
    public string Unit => "accesses";

    /// <inheritdoc/>
    public int MaxInput => 16 * 1024;

    /// <inheritdoc/>
    public string Coverage =>
        $"interrupts taken {_taken}, #GP {_refused}, unanswered {_unanswered}, off or reset {_requests}, deadlines {_deadlines}, posts {_posts}, wakes {_wakes}, bytes allocated {_allocated}";

    /// <inheritdoc/>
    public void Dispose()
    {
        Volatile.Write(ref _ended, true);
        _poster.Join();
        _platform.Dispose();
    }

    /// <inheritdoc/>
    public long Run(FuzzInput input)
    {
        using FuzzedPlatform platform = _platform = new();
        Array.Clear(_inService);
        long done = 0;
        long allocated = 0;
        if (input.OneIn(2))
        {
            // Half of the sessions begin as a system does that is up; few random bytes get that far.
            foreach (LocalApic apic in platform.Apics)
            {
                apic.Write(SpuriousVector, 4, 0x1ff);
            }
        }

        Volatile.Write(ref _posted, platform);
        for (; !input.IsAtEnd; done++)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            Step(input);
            allocated += GC.GetAllocatedBytesForCurrentThread() - before;
            if (done % 16 == 0)
            {
                CheckAll();
            }
        }

        CheckAll();
        _allocated += allocated;
        FuzzException.ThrowUnless(allocated < AllocatedOnce, $"{done} accesses allocated {allocated} bytes");
        FuzzException.ThrowUnless(platform.Serial.Take(_output) <= SerialPort.OutputCapacity, "the serial port kept more than it may");
        Volatile.Write(ref _posted, null);
        Revive(platform);
        _unanswered += platform.Ports.Unanswered + platform.Memory.Unanswered;
        _requests += platform.Requests;
        _wakes += platform.Wakes;
        return done;
    }

    private void Step(FuzzInput input)
    {
        FuzzedPlatform platform = _platform;
        int processor = input.Below(FuzzedPlatform.Processors);
        LocalApic apic = platform.Apics[processor];
        int width = 1 << input.Below(4);
        switch (input.Below(16))
        {
            case 0 or 1 or 2:
                ulong port = input.OneIn(4) ? input.UInt16() : input.Pick<ulong>(_ports) + (ulong)input.Below(3);
                Access(platform.Ports, port, input.OneIn(3) ? width : 1, input);
                break;
            case 3 or 4:
                Access(platform.Memory, IoApic.Page + (input.OneIn(4) ? (ulong)input.Below(0x1000) : 0x10ul * (ulong)input.Below(5)), input.OneIn(4) ? width : 4, input);
                break;
            case 5 or 6 or 7:
                ulong address = input.OneIn(8) ? input.UInt16() : 0x10ul * (ulong)input.Below(0x40);
                AccessApic(processor, address, input.OneIn(8) ? width : 4, input);
                break;
            case 8 or 9:
                AccessMsr(processor, input);
                break;
            case 10:
                // Few random bytes get to this: an APIC that is on, a message that means it, and the interrupt taken, perhaps while others are in service.
                if (input.OneIn(2))
                {
                    apic.Write(SpuriousVector, 4, 0x1ff);
                    apic.TaskPriorityClass = 0;
                }

                platform.Messages.Send(InterruptController.MessageBase | ((ulong)processor << 12), input.Byte() | (input.OneIn(2) ? 0xc000u : 0));
                Take(processor);
                break;
            case 11:
                Take(processor);
                break;
            case 12:
                AccessApic(processor, EndOfInterrupt, 4, input);
                break;
            case 13:
                Expire(input);
                break;
            case 14:
                if (apic.TryTakeInit())
                {
                    _inService[processor] = default;
                }

                _ = apic.TryTakeNmi();
                _ = apic.TryTakeStartUp(out _);
                break;
            default:
                apic.TaskPriorityClass = input.Byte();
                _ = platform.Power.PressButton();
                _ = platform.Serial.Receive(input.Bytes[..Math.Min(input.Bytes.Length, 20)]);
                break;
        }
    }

    private static void Access(Platform.RegisterBus bus, ulong address, int width, FuzzInput input)
    {
        if (input.OneIn(2))
        {
            ulong value = bus.Read(address, width);
            if (width != 8 && value >> (width * 8) != 0)
            {
                throw new FuzzException($"0x{value:x} was read of {width} bytes at 0x{address:x}");
            }
        }
        else
        {
            bus.Write(address, width, input.OneIn(2) ? input.Odd() : input.UInt32());
        }
    }

    private void AccessApic(int processor, ulong address, int width, FuzzInput input)
    {
        LocalApic apic = _platform.Apics[processor];
        if (address == EndOfInterrupt && width == 4 && apic.IsEnabled && !apic.IsExtended)
        {
            apic.Write(address, width, input.Byte());
            EndOne(processor);
        }
        else if (address < LocalApic.PageLength)
        {
            Access(apic, address, width, input);
            if (address == EndOfInterrupt)
            {
                Follow(processor);
            }
        }
    }

    private void AccessMsr(int processor, FuzzInput input)
    {
        LocalApic apic = _platform.Apics[processor];
        uint msr = input.OneIn(3) ? LocalApicMsr.FirstExtended + (uint)input.Below(256) : input.Pick<uint>(_msrs);
        if (input.OneIn(3))
        {
            _refused += apic.TryReadMsr(msr, out _) ? 0 : 1;
            return;
        }

        ulong value = msr switch
        {
            LocalApicMsr.Base when !input.OneIn(4) => LocalApic.Page | (processor == 0 ? LocalApicMsr.BaseIsBootstrap : 0) | ((ulong)input.Below(4) << 10),
            0x80b => 0,
            _ when input.OneIn(2) => input.UInt32(),
            _ => input.Odd(),
        };
        bool wasEnabled = apic.IsEnabled;
        if (!apic.TryWriteMsr(msr, value))
        {
            _refused++;
        }
        else if (msr == 0x80b)
        {
            EndOne(processor);
        }
        else if (wasEnabled && !apic.IsEnabled)
        {
            _inService[processor] = default;
        }
    }

    private void Take(int processor)
    {
        if (!_platform.Apics[processor].TryTakeInterrupt(out byte vector))
        {
            return;
        }

        int highest = Math.Max(0, _inService[processor].Highest);
        if (vector < 16 || vector >> 4 <= highest >> 4)
        {
            throw new FuzzException($"vector {vector} was taken while {highest} was in service");
        }

        _inService[processor] = _inService[processor].With(vector);
        _taken++;
    }

    private void Expire(FuzzInput input)
    {
        FuzzedPlatform platform = _platform;
        platform.Time.Step(input.OneIn(8) ? (long)(input.Odd() >> 16) : input.UInt32() >> input.Below(16));
        int calls = 0;
        int called;
        while ((called = platform.Deadlines.RunDue()) != 0)
        {
            calls += called;
            FuzzException.ThrowUnless(calls < 100, "deadlines that are due do not come to an end");
        }

        _deadlines += calls;
    }

    private void EndOne(int processor) => _inService[processor] = _inService[processor].WithoutHighest();

    /// <summary>After a read or a write that may have been an end or none.</summary>
    private void Follow(int processor) => _inService[processor] = Served(_platform.Apics[processor]);

    private void CheckAll()
    {
        for (int i = 0; i < FuzzedPlatform.Processors; i++)
        {
            Vectors served = Served(_platform.Apics[i]);
            if (_platform.Apics[i].IsEnabled && served != _inService[i])
            {
                throw new FuzzException($"in service at {i}: {served}, taken and not ended: {_inService[i]}");
            }
        }
    }

    private static Vectors Served(LocalApic apic)
    {
        Vectors served = default;
        for (uint word = 0; word < 8 && apic.IsEnabled; word++)
        {
            ulong value;
            if (!apic.IsExtended)
            {
                value = apic.Read(InService + (word * 16), 4);
            }
            else
            {
                FuzzException.ThrowUnless(apic.TryReadMsr(0x810 + word, out value), "ISR cannot be read");
            }

            served = served.WithWord((int)word, (uint)value);
        }

        return served;
    }

    /// <summary>Whatever was done to it, a processor that its guest sets up anew takes an interrupt.</summary>
    private static void Revive(FuzzedPlatform platform)
    {
        const byte Vector = 0xff; // None is above it.
        LocalApic apic = platform.Apics[0];
        const ulong Off = LocalApic.Page | LocalApicMsr.BaseIsBootstrap;
        FuzzException.ThrowUnless(apic.TryWriteMsr(LocalApicMsr.Base, Off) && apic.TryWriteMsr(LocalApicMsr.Base, Off | LocalApicMsr.BaseIsEnabled), "it cannot be switched off and on");
        apic.Write(SpuriousVector, 4, 0x1ff);
        apic.TaskPriorityClass = 0; // CR8 is the processor's, and can be written while the APIC is off.
        platform.Messages.Send(InterruptController.MessageBase, Vector);
        FuzzException.ThrowUnless(apic.TryTakeInterrupt(out byte vector) && vector == Vector, $"a message was sent and {vector} was taken");
    }

    /// <summary>What devices and other processors do meanwhile; not repeatable, and no session's outcome depends on it.</summary>
    private void Post()
    {
        Random random = new(1);
        while (!Volatile.Read(ref _ended))
        {
            if (Volatile.Read(ref _posted) is not { } platform)
            {
                Thread.Yield();
                continue;
            }

            uint choice = (uint)random.Next();
            switch (choice & 3)
            {
                case 0:
                    platform.Messages.Send(InterruptController.MessageBase | (choice >> 8 & 0xf_ffff), (uint)random.Next());
                    break;
                case 1:
                    platform.Messages.Send(InterruptController.MessageBase | (choice >> 8 & 3) << 12, choice >> 10 & 0xff);
                    break;
                case 2:
                    platform.Lines[(choice >> 8) % (uint)platform.Lines.Length].Set((choice & 4) != 0);
                    break;
                default:
                    _ = platform.Lines[(choice >> 8) % (uint)platform.Lines.Length].Pulse();
                    break;
            }

            if (++_posts % 64 == 0)
            {
                Thread.Yield();
            }
        }
    }
}
