namespace Makatea.Sel4;

/// <summary>Starts the attacker once for each of its deeds, and looks what became of it, of the victim, and of the memory and slots of the machine. Its last line is <c>trial: N passed, N failed</c>.</summary>
internal static unsafe class Judge
{
    private const ulong DeedMicroseconds = 20_000_000;

    private static ulong s_passed;
    private static ulong s_failed;
    private static ulong s_round;

    internal static void Run()
    {
        GrantInfo* answer = Self.Find(GrantKind.Hear, Roles.Answer);
        Self.Ask(RootRequest.Listen, (ulong)answer->Kind, answer->Number, 0, 3);
        Say("the victim answers", VictimAnswers());
        ulong bytes = 0, slots = 0;
        for (int deed = 0; deed < Attacks.Count; deed++)
        {
            ulong* result = (ulong*)Self.Find(GrantKind.Region, Roles.Result)->Address;
            Volatile.Write(result, 0);
            bool started = Self.Ask(RootRequest.Start, Roles.Attacker) == RootAnswer.Done;
            ComponentState state = Await();
            bool judged = deed < Attacks.Fatal
                ? state == ComponentState.Failed && Volatile.Read(result) == 0
                : deed == Attacks.Fatal ? state == ComponentState.Ended && Volatile.Read(result) == Roles.WasRefused : Volatile.Read(result) != Roles.WasDone;
            Self.Ask(RootRequest.Stop, Roles.Attacker);
            bool isSame = Holdings(out ulong bytesNow, out ulong slotsNow) && (deed == 0 || (bytesNow == bytes && slotsNow == slots));
            bytes = bytesNow;
            slots = slotsNow;
            bool lives = VictimAnswers();
            Say(Attacks.Name(deed), started && judged && isSame && lives);
            if (!(started && judged && isSame && lives))
            {
                Self.Say("  state ");
                Self.Say((ulong)state);
                Self.Say(", result ");
                Self.Say(Volatile.Read(result));
                Self.Say(isSame ? ", nothing lost" : ", memory or slots lost");
                Self.Say(lives ? ", the victim answers\n" : ", the victim is silent\n");
            }
        }

        Self.Say("trial: ");
        Self.Say(s_passed);
        Self.Say(" passed, ");
        Self.Say(s_failed);
        Self.Say(" failed\n");
    }

    /// <summary>Waits until the attacker is no more, or long enough.</summary>
    private static ComponentState Await()
    {
        ulong start = TickCounter.Read();
        ComponentState state;
        do
        {
            Self.Ask(RootRequest.Query, Roles.Attacker, 0, 0, 0, out KernelRegisters registers);
            state = (ComponentState)registers.Message0;
            KernelCall.Yield();
        }
        while (state == ComponentState.Running && TickCounter.Read() - start < DeedMicroseconds * Self.Info->TicksPerMicrosecond);
        return state;
    }

    private static bool Holdings(out ulong bytes, out ulong slots)
    {
        bool done = Self.Ask(RootRequest.Query, Roles.Attacker, 0, 0, 0, out KernelRegisters registers) == RootAnswer.Done;
        bytes = registers.Message2;
        slots = registers.Message3;
        return done;
    }

    /// <summary>Asks the victim to count, and checks that it did: its memory is its own, it is heard and hears.</summary>
    private static bool VictimAnswers()
    {
        ulong* words = (ulong*)Self.Find(GrantKind.Region, Roles.Treasure)->Address;
        bool isAsked = s_round++ != 0;
        if (isAsked)
        {
            Self.Ring(Self.Find(GrantKind.Ring, Roles.Ask));
        }

        ulong start = TickCounter.Read();
        while (isAsked ? Self.Poll(0) != 1 << 3 : Volatile.Read(words + Roles.Words - 1) == 0)
        {
            KernelCall.Yield();
            if (TickCounter.Read() - start > DeedMicroseconds * Self.Info->TicksPerMicrosecond)
            {
                return false;
            }
        }

        for (int i = 0; i < Roles.Words; i++)
        {
            if (Volatile.Read(words + i) != s_round + (ulong)i)
            {
                return false;
            }
        }

        return true;
    }

    private static void Say(string what, bool passed)
    {
        Self.Say(passed ? "passed: " : "FAILED: ");
        Self.Say(what);
        Self.Say("\n");
        s_passed += passed ? 1u : 0;
        s_failed += passed ? 0 : 1u;
    }
}
