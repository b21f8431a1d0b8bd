namespace Makatea.Sel4;

/// <content>Components that end by themselves, or have to.</content>
internal static unsafe partial class Supervisor
{
    // So many failures within so much time, and a component is left as it is.
    private const uint MostFailures = 5;
    private const ulong FailureMicroseconds = 10_000_000;

    /// <summary>Its first thread did something that it may not.</summary>
    private static void Fail(int number, in KernelMessage message)
    {
        Report.Fault(NameOf(number), message);
        End(number);
    }

    private static void Exit(int number, in KernelMessage message)
    {
        ulong* words = message.Words;
        if (words[0] == 0)
        {
            Report.Ended(NameOf(number));
            Stop(number, ComponentState.Ended);
            return;
        }

        Report.Exit(NameOf(number), (ExitReason)words[0], words[1], words[2], words[3]);
        End(number);
    }

    private static void End(int number)
    {
        ref ComponentRecord record = ref s_components[number];
        Stop(number, ComponentState.Failed);
        if ((s_manifest.Component(number)->Flags & ComponentFlags.Restart) == 0)
        {
            return;
        }

        ulong now = TickCounter.Read();
        if (record.Failures == 0 || now - record.FirstFailure > FailureMicroseconds * s_machine->TicksPerMicrosecond)
        {
            record.Failures = 0;
            record.FirstFailure = now;
        }

        if (++record.Failures > MostFailures)
        {
            Report.GivenUp(NameOf(number), record.Failures);
            return;
        }

        Say(number, Start(number));
    }

    private static Text NameOf(int number) => s_manifest.Get(s_manifest.Component(number)->Name);
}
