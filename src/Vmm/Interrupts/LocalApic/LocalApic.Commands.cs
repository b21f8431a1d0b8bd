namespace Makatea.Vmm;

/// <content>Interrupts between processors ([SDM] volume 3, 11.6) and who is meant by a destination (11.6.2, 11.12.10.2).</content>
public sealed partial class LocalApic
{
    private const uint CommandBits = 0x000c_cfff;
    private const uint CommandIsLogical = 1 << 11;
    private const uint CommandIsAssertion = 1 << 14;
    private const uint CommandIsLevel = 1 << 15;
    private const int ShorthandShift = 18;
    private const uint FlatModel = 0xf;
    private const uint ClusterModel = 0;

    /// <summary>The logical ID of x2APIC mode, which nobody chooses: a cluster of 16 in the upper half, a bit of it in the lower ([SDM] volume 3, 11.12.10.2).</summary>
    public static uint ExtendedLogicalId(uint id) => (id >> 4 << 16) | (1u << (int)(id & 0xf));

    /// <summary>Whether a destination means this APIC. From any thread.</summary>
    internal bool IsMeant(uint destination, bool isLogical)
    {
        if (!IsEnabled)
        {
            return false;
        }

        if (!isLogical)
        {
            return destination is InterruptRequest.Everybody || destination == Id;
        }

        if (IsExtended)
        {
            uint id = ExtendedLogicalId(Id);
            return destination is InterruptRequest.Everybody || (destination >> 16 == id >> 16 && (destination & id & 0xffff) != 0);
        }

        uint mine = Volatile.Read(ref _logicalDestination) >> 24;
        return destination is InterruptRequest.Everybody || (Volatile.Read(ref _destinationFormat) >> 28) switch
        {
            FlatModel => (destination & mine & 0xff) != 0,
            ClusterModel => ((destination >> 4 & 0xf) == mine >> 4 || (destination >> 4 & 0xf) == 0xf) && (destination & mine & 0xf) != 0,
            _ => false,
        };
    }

    /// <summary>Whether a vector could be accepted now: what lowest priority chooses from.</summary>
    internal bool AcceptsVectors => IsEnabled && IsSoftwareEnabled;

    /// <summary>Delivers a request that is meant for this APIC. From any thread.</summary>
    internal InterruptDelivery Accept(in InterruptRequest request)
    {
        switch (request.Mode)
        {
            case DeliveryMode.Fixed or DeliveryMode.LowestPriority:
                return Post(request.Vector, request.IsLevel);
            case DeliveryMode.NonMaskable:
                PostNmi();
                return InterruptDelivery.Delivered;
            case DeliveryMode.Init:
                PostInit();
                return InterruptDelivery.Delivered;
            case DeliveryMode.StartUp:
                PostStartUp(request.Vector);
                return InterruptDelivery.Delivered;
            default:
                return InterruptDelivery.Refused; // There is no SMI and no 8259.
        }
    }

    /// <summary>Sends what ICR says.</summary>
    private void Send(uint destination)
    {
        var mode = (DeliveryMode)((_command >> 8) & 7);
        bool isLevel = (_command & CommandIsLevel) != 0;
        InterruptRequest request = new(destination, (_command & CommandIsLogical) != 0, mode, (byte)_command, false);
        if (mode is DeliveryMode.Fixed or DeliveryMode.LowestPriority)
        {
            if (request.Vector < FirstVector)
            {
                Report(LocalApicError.SendIllegalVector);
                return;
            }
        }
        else if (mode == DeliveryMode.Init && isLevel && (_command & CommandIsAssertion) == 0)
        {
            return; // The end of INIT's level, which arbitrated IDs once.
        }

        switch ((_command >> ShorthandShift) & 3)
        {
            case 0:
                _bus.Deliver(request);
                break;
            case 1 when mode == DeliveryMode.Fixed: // To itself nothing else is valid ([SDM] volume 3, table 11-3).
                Accept(request);
                break;
            case 2 when mode == DeliveryMode.Fixed:
                _bus.DeliverToAll(request, except: null);
                break;
            case 3:
                _bus.DeliverToAll(request, except: this);
                break;
            default:
                break;
        }
    }
}
