namespace Makatea.Sel4;

/// <content>What components ask.</content>
internal static unsafe partial class Supervisor
{
    private const ulong ConfigLength = 256;

    /// <summary>Hears requests and faults, for good.</summary>
    internal static void Serve()
    {
        for (; ; )
        {
            KernelMessage message = KernelCall.Receive(s_machine->Faults, s_machine->FaultReply);
            if ((message.Badge & TickBadge) != 0)
            {
                WatchTime();
                continue;
            }

            ulong number = message.Badge - 1;
            if (number >= (ulong)s_manifest.Components || !s_components[number].IsThere)
            {
                continue;
            }

            if (message.Label < (ulong)RootRequest.Exit)
            {
                Fail((int)number, message);
            }
            else if (message.Label == (ulong)RootRequest.Exit)
            {
                Exit((int)number, message);
            }
            else
            {
                ulong* words = message.Words;
                ulong generation = s_components[number].Generation;
                var answer = default(RootWords);
                RootAnswer result = Do((int)number, (RootRequest)message.Label, words[0], words[1], words[2], words[3], ref answer);

                // Who ended itself hears nothing.
                if (s_components[number].IsThere && s_components[number].Generation == generation)
                {
                    KernelCall.Send(s_machine->FaultReply, (ulong)result, 4, answer.Word0, answer.Word1, answer.Word2, answer.Word3);
                }
            }
        }
    }

    private static RootAnswer Do(int number, RootRequest request, ulong word0, ulong word1, ulong word2, ulong word3, ref RootWords answer)
    {
        switch (request)
        {
            case RootRequest.Listen:
                return Listen(number, (GrantKind)word0, word1, word2, word3);
            case RootRequest.Ignore:
                return Ignore(number, (GrantKind)word0, word1);
            case RootRequest.ReadConfig:
            case RootRequest.WriteConfig:
                return DoConfig(number, request, word0, word1, word2, word3, ref answer);
            case RootRequest.ResetFunction:
                return !HasFunction(number, word0) ? RootAnswer.Invalid : Reset(ref s_functions[word0].Layout) ? RootAnswer.Done : RootAnswer.State;
        }

        if (request is < RootRequest.Start or > RootRequest.Usage)
        {
            return RootAnswer.Unknown;
        }

        if (!Has(number, GrantKind.Management, 0))
        {
            return RootAnswer.Denied;
        }

        if (request is RootRequest.Connect or RootRequest.Disconnect)
        {
            return word0 == 0 ? RootAnswer.Invalid : request == RootRequest.Connect ? Connect(word0) : Disconnect(word0);
        }

        return word0 < (ulong)s_manifest.Components ? Manage(request, (int)word0, ref answer) : RootAnswer.Invalid;
    }

    private static RootAnswer Manage(RootRequest request, int number, ref RootWords answer)
    {
        ref ComponentRecord record = ref s_components[number];
        switch (request)
        {
            case RootRequest.Start:
                return Start(number);
            case RootRequest.Stop:
                return Stop(number, ComponentState.Stopped);
            case RootRequest.Restart:
                Stop(number, ComponentState.Stopped);
                return Start(number);
            case RootRequest.Suspend:
                return record.State == ComponentState.Running ? Change(ref record, ComponentState.Suspended, record.Component.Suspend()) : RootAnswer.State;
            case RootRequest.Resume:
                record.Left = 0;
                record.StandsStill = false;
                return record.State == ComponentState.Suspended ? Change(ref record, ComponentState.Running, record.Component.Resume(s_machine)) : RootAnswer.State;
            case RootRequest.Usage:
                Count(ref record);
                answer.Word0 = record.Used;
                answer.Word1 = record.Pauses;
                return RootAnswer.Done;
            default:
                answer.Word0 = (ulong)record.State;
                answer.Word1 = record.Generation;
                answer.Word2 = s_machine->Untyped.FreeBytes;
                answer.Word3 = s_machine->Slots.Available;
                return RootAnswer.Done;
        }
    }

    private static RootAnswer Change(ref ComponentRecord record, ComponentState state, bool done)
    {
        record.State = state;
        return done ? RootAnswer.Done : RootAnswer.Kernel;
    }

    private static bool HasFunction(int number, ulong function) => function < (ulong)s_manifest.Functions && s_functions[function].Owner == (uint)number + 1;

    private static RootAnswer DoConfig(int number, RootRequest request, ulong function, ulong offset, ulong width, ulong value, ref RootWords answer)
    {
        if (!HasFunction(number, function) || width is not (1 or 2 or 4) || offset >= ConfigLength || (offset & (width - 1)) != 0)
        {
            return RootAnswer.Invalid;
        }

        if (request == RootRequest.ReadConfig)
        {
            answer.Word0 = new ConfigSpace((uint)s_manifest.Function((int)function)->Address).Read((uint)offset, (uint)width);
        }
        else
        {
            s_functions[function].Layout.Write((uint)offset, (uint)width, (uint)value, mayMaster: s_machine->IOLevels != 0);
        }

        return RootAnswer.Done;
    }

    /// <summary>Gives all that run what they share by a connection.</summary>
    private static RootAnswer Connect(ulong connection)
    {
        bool any = false;
        for (int i = 0; i < s_manifest.Grants; i++)
        {
            ManifestGrant* grant = s_manifest.Grant(i);
            if (grant->Connection != connection)
            {
                continue;
            }

            any = true;
            if (s_grants[i].Info != null && s_grants[i].Info->State == 0 && !TryConnect(i, grant))
            {
                Disconnect(connection);
                return RootAnswer.Memory;
            }
        }

        return any ? RootAnswer.Done : RootAnswer.Invalid;
    }

    private static bool TryConnect(int index, ManifestGrant* grant)
    {
        int owner = s_grants[index].Owner;
        switch (grant->Kind)
        {
            case GrantKind.Region:
                return TryShare(ref s_components[owner].Component, index, grant);
            case GrantKind.Ring:
                return TryRing(owner, grant, s_grants[index].Info);
            default:
                s_grants[index].Info->State = 1;
                return true;
        }
    }

    /// <summary>Takes it back: copies that components made go, too.</summary>
    private static RootAnswer Disconnect(ulong connection)
    {
        bool any = false;
        for (int i = 0; i < s_manifest.Grants; i++)
        {
            ManifestGrant* grant = s_manifest.Grant(i);
            if (grant->Connection != connection)
            {
                continue;
            }

            any = true;
            Disconnect(i, grant);
        }

        return any ? RootAnswer.Done : RootAnswer.Invalid;
    }

    private static void Disconnect(int index, ManifestGrant* grant)
    {
        GrantInfo* info = s_grants[index].Info;
        if (info != null)
        {
            info->State = 0;
        }

        switch (grant->Kind)
        {
            case GrantKind.Region:
                RegionRecord region = s_regions[grant->Number];
                for (uint page = 0; page < region.Pages; page++)
                {
                    CapabilitySpace.Revoke(region.FirstPage + page);
                }

                break;
            case GrantKind.Ring when info != null:
                ref Component ringer = ref s_components[s_grants[index].Owner].Component;
                CapabilitySpace.DeleteFrom(ringer.Table, ringer.TableBits, (uint)info->Slot);
                break;
            case GrantKind.Hear:
                s_doorbells[grant->Number] = default;
                break;
        }
    }
}

/// <summary>Words of an answer.</summary>
internal struct RootWords
{
    internal ulong Word0;
    internal ulong Word1;
    internal ulong Word2;
    internal ulong Word3;
}
