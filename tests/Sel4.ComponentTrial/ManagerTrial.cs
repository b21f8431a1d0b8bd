namespace Makatea.Sel4;

/// <summary>Plays a manager: components 1 (echo), 2 (counter), 3 (faulty, never at boot), a region for each, and the NVMe controller.</summary>
internal static unsafe class ManagerTrial
{
    private const ulong Echo = 1;
    private const ulong Counter = 2;
    private const ulong Faulty = 3;
    private const ulong Layered = 4;
    private const int Rounds = 1000;
    private const ulong Moment = 50_000;

    private static ulong s_passed;
    private static ulong s_failed;

    internal static void Run()
    {
        Say("it is told what it is", Self.Info->Number == 0 && Self.Info->Generation == 1 && Self.Info->TicksPerMicrosecond > 100 && Self.Info->StartSeconds > 1_700_000_000);
        Say("its memory has the length of the manifest", MemoryLength() == 3 << 20);
        Say("a doorbell is heard and answered through a shared region", TryEcho());
        Say("a thousand rings there and back", TryRings());
        Say("a component that was started again is heard again", Self.Ask(RootRequest.Restart, Echo) == RootAnswer.Done && TryEcho());
        Say("a file of the archive is mapped", TryFile());
        Say("one that is suspended stands still, and goes on afterwards", TrySuspension());
        Say("a thousand starts and ends of a component return every byte and slot", TryThousand());
        Say("one that fails each time is started again five times, then left", TryFaulty());
        Say("what is shared by a connection comes and goes with it", TryConnection());
        Say("threads of a component keep to its budget together", TryBudget());
        Say("requests with numbers that are none are refused", TryWrong());
        Say("registers of the controller are mapped", TryFunction());
        Say("configuration space may be read, but not what places registers and aims interrupts be written", TryConfig());
        Say("a function is reset, and its registers are where they were", TryReset());
        Say("an interrupt is there to be heard", TryInterrupt());
        Say("interrupts of a pin are heard, each once it was acknowledged", TryPin());
        End();
    }

    private static void End()
    {
        Self.Say("trial: ");
        Self.Say(s_passed);
        Self.Say(" passed, ");
        Self.Say(s_failed);
        Self.Say(" failed\n");
    }

    private static void Say(string what, bool passed)
    {
        Self.Say(passed ? "passed: " : "FAILED: ");
        Self.Say(what);
        Self.Say("\n");
        s_passed += passed ? 1u : 0;
        s_failed += passed ? 0 : 1u;
    }

    private static ulong MemoryLength()
    {
        ulong length = 0;
        ulong* bits = (ulong*)((byte*)Self.Info + Self.Info->UntypedBitsOffset);
        for (ulong i = 0; i < Self.Info->Untypeds; i++)
        {
            length += 1ul << (int)bits[i];
        }

        return length;
    }

    private static bool TryEcho()
    {
        GrantInfo* hear = Self.Find(GrantKind.Hear, 1);
        ulong* words = (ulong*)Self.Find(GrantKind.Region, 0)->Address;
        bool listens = Self.Ask(RootRequest.Listen, (ulong)hear->Kind, hear->Number, 1, 61) == RootAnswer.Done;
        Volatile.Write(words, 41);
        Volatile.Write(words + 1, 0);
        return listens && Until(words, 41);
    }

    private static bool TryRings()
    {
        ulong* words = (ulong*)Self.Find(GrantKind.Region, 0)->Address;
        for (ulong i = 100; i < 100 + Rounds; i++)
        {
            Volatile.Write(words, i);
            if (!Until(words, i))
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>Rings until the answer is there: the echo may not listen yet.</summary>
    private static bool Until(ulong* words, ulong number)
    {
        ulong end = Deadline(2_000_000);
        while (Volatile.Read(words + 1) != number + 1)
        {
            if (TickCounter.Read() > end)
            {
                return false;
            }

            Self.Ring(Self.Find(GrantKind.Ring, 0));
            Pause(20);
        }

        return (Self.Poll(1) & ~(1ul << 61)) == 0;
    }

    private static bool TryFile()
    {
        GrantInfo* file = Self.Find(GrantKind.File, 0);
        if (file == null || file->Length != 10_000)
        {
            return false;
        }

        byte* bytes = (byte*)file->Address;
        for (ulong i = 0; i < file->Length; i++)
        {
            if (bytes[i] != (byte)(i % 251))
            {
                return false;
            }
        }

        return true;
    }

    private static bool TrySuspension()
    {
        ulong* words = (ulong*)Self.Find(GrantKind.Region, 1)->Address;
        bool counts = Counts(words);
        bool suspended = Self.Ask(RootRequest.Suspend, Counter) == RootAnswer.Done && State(Counter) == ComponentState.Suspended;
        bool stands = !Counts(words);
        return Self.Ask(RootRequest.Resume, Counter) == RootAnswer.Done && Counts(words) && counts && suspended && stands && State(Counter) == ComponentState.Running;
    }

    private static bool Counts(ulong* words)
    {
        ulong before = Volatile.Read(words);
        Pause(Moment);
        return Volatile.Read(words) != before;
    }

    private static bool TryThousand()
    {
        if (Self.Ask(RootRequest.Stop, Counter) != RootAnswer.Done || Self.Ask(RootRequest.Query, Counter, 0, 0, 0, out KernelRegisters before) != RootAnswer.Done)
        {
            return false;
        }

        for (int round = 0; round < Rounds; round++)
        {
            if (Self.Ask(RootRequest.Start, Counter) != RootAnswer.Done || Self.Ask(RootRequest.Stop, Counter) != RootAnswer.Done)
            {
                return false;
            }
        }

        Self.Ask(RootRequest.Query, Counter, 0, 0, 0, out KernelRegisters after);
        return before.Message0 == (ulong)ComponentState.Stopped && before.Message2 == after.Message2 && before.Message3 == after.Message3 && after.Message1 == before.Message1 + Rounds;
    }

    private static bool TryFaulty()
    {
        if (State(Faulty) != ComponentState.Stopped || Self.Ask(RootRequest.Start, Faulty) != RootAnswer.Done)
        {
            return false;
        }

        for (ulong end = Deadline(5_000_000); State(Faulty) != ComponentState.Failed && TickCounter.Read() < end;)
        {
            Pause(Moment);
        }

        Self.Ask(RootRequest.Query, Faulty, 0, 0, 0, out KernelRegisters answer);
        return answer.Message0 == (ulong)ComponentState.Failed && answer.Message1 == 6;
    }

    private static bool TryConnection()
    {
        GrantInfo* region = Self.Find(GrantKind.Region, 2);
        bool before = region->State == 0;
        bool connected = Self.Ask(RootRequest.Connect, 1) == RootAnswer.Done && region->State == 1;
        ulong* words = (ulong*)region->Address;
        bool isEmpty = connected && Volatile.Read(words) == 0;
        if (connected)
        {
            Volatile.Write(words, 7);
        }

        bool gone = Self.Ask(RootRequest.Disconnect, 1) == RootAnswer.Done && region->State == 0;

        // What was written is still there: the region outlives its connections.
        return before && isEmpty && gone && Self.Ask(RootRequest.Connect, 1) == RootAnswer.Done && region->State == 1 && Volatile.Read(words) == 7;
    }

    /// <summary>Four threads of the component spin; by the kernel's count each could have a tenth of the time.</summary>
    private static bool TryBudget()
    {
        const ulong Window = 1_000_000;
        const ulong Threads = 5;
        if (Self.Ask(RootRequest.Start, Layered) != RootAnswer.Done)
        {
            return false;
        }

        ulong* turn = (ulong*)Self.Find(GrantKind.Region, 3)->Address;
        for (ulong end = Deadline(5 * Window); Volatile.Read(turn) != Threads && TickCounter.Read() < end;)
        {
            Pause(Moment);
        }

        Self.Ask(RootRequest.Usage, Layered, 0, 0, 0, out KernelRegisters before);
        ulong start = TickCounter.Read();
        Pause(Window);
        Self.Ask(RootRequest.Usage, Layered, 0, 0, 0, out KernelRegisters after);
        ulong took = after.Message0 - before.Message0;
        ulong passed = (TickCounter.Read() - start) / Self.Info->TicksPerMicrosecond;
        Self.Say("# took ");
        Self.Say(took);
        Self.Say(" us of ");
        Self.Say(passed);
        Self.Say(", stood still ");
        Self.Say(after.Message1);
        Self.Say(" times\n");
        return Volatile.Read(turn) == Threads && took > 0 && took < passed / 5 && after.Message1 > 0 && Self.Ask(RootRequest.Stop, Layered) == RootAnswer.Done;
    }

    private static bool TryWrong() =>
        Self.Ask(RootRequest.Start, 99) == RootAnswer.Invalid & Self.Ask(RootRequest.Start, Echo) == RootAnswer.State & Self.Ask((RootRequest)0x1ff) == RootAnswer.Unknown
        & Self.Ask(RootRequest.Connect, 5) == RootAnswer.Invalid & Self.Ask(RootRequest.Listen, (ulong)GrantKind.Hear, 0, 0, 0) == RootAnswer.Invalid
        & Self.Ask(RootRequest.Listen, (ulong)GrantKind.Hear, 1, 2, 0) == RootAnswer.Invalid & Self.Ask(RootRequest.Listen, (ulong)GrantKind.Hear, 1, 0, 62) == RootAnswer.Invalid
        & Self.Ask(RootRequest.Listen, (ulong)GrantKind.MessageInterrupt, 300, 0, 0) == RootAnswer.Invalid & Self.Ask(RootRequest.ReadConfig, 1, 0, 4) == RootAnswer.Invalid
        & Self.Ask(RootRequest.ReadConfig, 0, 2, 4) == RootAnswer.Invalid & Self.Ask(RootRequest.ReadConfig, 0, 256, 4) == RootAnswer.Invalid
        & Self.Ask(RootRequest.Resume, Echo) == RootAnswer.State;

    private static bool TryFunction()
    {
        GrantInfo* bar = Self.Find(GrantKind.Bar, 0);
        const uint Version = 8;
        return bar != null && bar->Length == 16384 && *(uint*)(bar->Address + Version) >> 16 == 1 && Self.Find(GrantKind.Function, 0)->Slot != 0 && Self.Find(GrantKind.Function, 0)->Detail >= 39;
    }

    private static bool TryConfig()
    {
        const ulong Command = 4;
        const ulong Bar0 = 16;
        uint identity = Config(0, 4);
        uint bar = Config(Bar0, 4);
        Self.Ask(RootRequest.WriteConfig, 0, Bar0, 4, 0);
        uint command = Config(Command, 2);
        Self.Ask(RootRequest.WriteConfig, 0, Command, 2, 4);
        uint master = Config(Command, 2);
        return identity == 0x0010_1b36 && Config(Bar0, 4) == bar && (command & 6) == 2 && (master & 6) == 6;
    }

    private static bool TryReset()
    {
        // Where messages go is in the registers of a function with MSI-X, behind what its capability says.
        const ulong Capability = 0x40;
        const ulong Messages = 0xfee0_0000;
        var entry = (ulong*)(Self.Find(GrantKind.Bar, 0)->Address + (Config(Capability + 4, 4) & ~7u));
        uint before = Config(16, 4);
        Volatile.Write(entry, Messages);
        bool isSet = Volatile.Read(entry) == Messages;
        return isSet && Self.Ask(RootRequest.ResetFunction, 1) == RootAnswer.Invalid && Self.Ask(RootRequest.ResetFunction, 0) == RootAnswer.Done
            && Volatile.Read(entry) == 0 && Config(16, 4) == before && (Config(4, 2) & 6) == 2;
    }

    private static bool TryInterrupt()
    {
        var grants = (GrantInfo*)((byte*)Self.Info + Self.Info->GrantsOffset);
        for (ulong i = 0; i < Self.Info->GrantCount; i++)
        {
            if (grants[i].Kind == GrantKind.MessageInterrupt)
            {
                return grants[i].Value == 0xfee0_0000 && grants[i].Detail is > 32 and < 256
                    && Self.Ask(RootRequest.Listen, (ulong)grants[i].Kind, grants[i].Number, 0, 3) == RootAnswer.Done
                    && Self.Ask(RootRequest.Ignore, (ulong)grants[i].Kind, grants[i].Number) == RootAnswer.Done;
            }
        }

        return false;
    }

    /// <summary>The clock of a PC beats 1,024 times a second on pin 8.</summary>
    private static bool TryPin()
    {
        const ulong StatusA = 0x0a;
        const ulong StatusB = 0x0b;
        const ulong StatusC = 0x0c;
        const ulong Rate = 0x26;
        const ulong Beats = 0x42;
        const ulong Hours24 = 0x02;
        const ulong Periodic = 0x40;
        GrantInfo* pin = FindPin();
        if (pin == null || pin->Value != 8 || Self.Ask(RootRequest.Listen, (ulong)pin->Kind, pin->Number, 0, 7) != RootAnswer.Done)
        {
            return false;
        }

        const int Waits = 20;
        bool passed = true;
        int beats = 0;
        WriteClock(StatusA, Rate);
        ReadClock(StatusC);
        WriteClock(StatusB, Beats);
        for (int i = 0; i < Waits; i++)
        {
            // The next edge comes once the clock was read, and would be lost before it may.
            passed &= Self.Wait(0) == 1 << 7;
            KernelCall.Invoke(pin->Slot, BoardValue.IRQAckIRQ, 0, 0);
            beats += (ReadClock(StatusC) & Periodic) != 0 ? 1 : 0;
        }

        WriteClock(StatusB, Hours24);

        // The first may be from before, and one may come while the clock is read.
        return passed && beats > Waits / 2 && Self.Ask(RootRequest.Ignore, (ulong)pin->Kind, pin->Number) == RootAnswer.Done;
    }

    private static GrantInfo* FindPin()
    {
        var grants = (GrantInfo*)((byte*)Self.Info + Self.Info->GrantsOffset);
        for (ulong i = 0; i < Self.Info->GrantCount; i++)
        {
            if (grants[i].Kind == GrantKind.PinInterrupt)
            {
                return grants + i;
            }
        }

        return null;
    }

    private static ulong ReadClock(ulong register)
    {
        ulong ports = Self.Find(GrantKind.Ports, 0x70)->Slot;
        KernelCall.Invoke(ports, BoardValue.X86IOPortOut8, 0, 2, 0x70, register);
        return KernelCall.Invoke(ports, BoardValue.X86IOPortIn8, 0, 1, 0x71).Value;
    }

    private static void WriteClock(ulong register, ulong value)
    {
        ulong ports = Self.Find(GrantKind.Ports, 0x70)->Slot;
        KernelCall.Invoke(ports, BoardValue.X86IOPortOut8, 0, 2, 0x70, register);
        KernelCall.Invoke(ports, BoardValue.X86IOPortOut8, 0, 2, 0x71, value);
    }

    private static uint Config(ulong offset, ulong width)
    {
        Self.Ask(RootRequest.ReadConfig, 0, offset, width, 0, out KernelRegisters answer);
        return (uint)answer.Message0;
    }

    private static ComponentState State(ulong component)
    {
        Self.Ask(RootRequest.Query, component, 0, 0, 0, out KernelRegisters answer);
        return (ComponentState)answer.Message0;
    }

    private static ulong Deadline(ulong microseconds) => TickCounter.Read() + (microseconds * Self.Info->TicksPerMicrosecond);

    private static void Pause(ulong microseconds)
    {
        for (ulong end = Deadline(microseconds); TickCounter.Read() < end;)
        {
            KernelCall.Yield();
        }
    }
}
