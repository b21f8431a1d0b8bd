using System.Runtime;

namespace Makatea.Sel4;

/// <summary>Components of a trial, one program for all. The manager's last line on the kernel's console is <c>trial: N passed, N failed</c>.</summary>
internal static unsafe class Program
{
    [RuntimeExport("ComponentMain")]
    private static void Main(ComponentInfo* info)
    {
        Self.Use(info);
        if (Self.Plays("manager"))
        {
            ManagerTrial.Run();
        }
        else if (Self.Plays("echo"))
        {
            Echo();
        }
        else if (Self.Plays("counter"))
        {
            Count();
        }
        else if (Self.Plays("layer"))
        {
            StartThreads();
        }
        else if (Self.Plays("faulty"))
        {
            *(byte*)0x5ead_b000 = 1;
        }

        Self.Ask(RootRequest.Exit);
    }

    /// <summary>Answers each ring with the number in the region plus one.</summary>
    private static void Echo()
    {
        GrantInfo* region = Self.Find(GrantKind.Region, 0);
        GrantInfo* ring = Self.Find(GrantKind.Ring, 1);
        GrantInfo* hear = Self.Find(GrantKind.Hear, 0);
        Self.Ask(RootRequest.Listen, (ulong)hear->Kind, hear->Number, 0, 5);
        ulong* words = (ulong*)region->Address;
        for (; ; )
        {
            // Rings before it listened are lost: it looks once.
            Volatile.Write(words + 1, Volatile.Read(words) + 1);
            Self.Ring(ring);
            while (Self.Wait(0) != 1 << 5)
            {
                Self.Say("FAILED: a bit that nobody asked for\n");
            }
        }
    }

    /// <summary>Plays the layer of a program: starts all of its threads and waits for their faults.</summary>
    private static void StartThreads()
    {
        for (ulong i = 0; i < Self.Info->Threads; i++)
        {
            ThreadCalls.Start((uint)(Self.Info->FirstThread + i), Self.Info->Entry, 0, 0);
        }

        KernelMessage message = KernelCall.Receive(ComponentLayout.FaultSlot, (uint)Self.Info->FirstReply);
        Self.Say(message.Badge >= 1 && message.Badge <= Self.Info->Threads && message.Label == 3 ? "passed: a thread's fault reaches its layer\n" : "FAILED: a fault of nobody\n");
        KernelCall.Receive(ComponentLayout.FaultSlot, (uint)Self.Info->FirstReply + 1);
    }

    /// <summary>Counts as fast as it can.</summary>
    private static void Count()
    {
        ulong* words = (ulong*)Self.Find(GrantKind.Region, 1)->Address;
        for (; ; )
        {
            Volatile.Write(words, Volatile.Read(words) + 1);
        }
    }
}
