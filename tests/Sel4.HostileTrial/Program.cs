using System.Runtime;

namespace Makatea.Sel4;

/// <summary>Starts the role.</summary>
internal static unsafe class Program
{
    [RuntimeExport("ComponentMain")]
    private static void Main(ComponentInfo* info)
    {
        Self.Use(info);
        if (Self.Plays("judge"))
        {
            Judge.Run();
        }
        else if (Self.Plays("victim"))
        {
            GuardTreasure();
        }
        else
        {
            Attacks.Do((int)info->Generation - 1);
        }

        Self.Ask(RootRequest.Exit);
    }

    /// <summary>Counts each word up by one and answers, when asked; says nothing where a word is not as it left it.</summary>
    private static void GuardTreasure()
    {
        ulong* words = (ulong*)Self.Find(GrantKind.Region, Roles.Treasure)->Address;
        GrantInfo* answer = Self.Find(GrantKind.Ring, Roles.Answer);
        GrantInfo* ask = Self.Find(GrantKind.Hear, Roles.Ask);
        Self.Ask(RootRequest.Listen, (ulong)ask->Kind, ask->Number, 0, 0);
        for (ulong round = 0; ; round++)
        {
            for (int i = 0; i < Roles.Words; i++)
            {
                if (round != 0 && Volatile.Read(words + i) != round + (ulong)i)
                {
                    Self.Say("victim: a word was changed\n");
                    return;
                }

                Volatile.Write(words + i, round + 1 + (ulong)i);
            }

            // The first round is not asked for: that it was counted says that the victim listens.
            if (round != 0)
            {
                Self.Ring(answer);
            }

            Self.Wait(0);
        }
    }
}
