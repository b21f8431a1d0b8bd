using Makatea.Platform;
using Makatea.Sel4;

namespace Makatea.Imaging;

/// <summary>What a client and a domain share for the messages and rings of one vhost-user device: a channel NAME, of which messages may name the other objects called NAME.*.</summary>
/// <param name="name">Name of the channel.</param>
/// <param name="client">The component at the end that connects.</param>
/// <param name="domain">The domain at the end that serves.</param>
/// <param name="connection">Number of the connection that all of it is part of, 0 for none.</param>
/// <param name="shared">What components share.</param>
internal readonly struct ChannelExpansion(string name, PlannedComponent client, PlannedComponent domain, ulong connection, SharedTable shared)
{
    private const ulong Length = 64 << 10;

    /// <summary>The channel itself: a region, and a doorbell each way.</summary>
    public void AddChannel()
    {
        ulong channel = shared.AddRegion(name, Length);
        client.GiveRegion(channel, name, GrantRights.Write, connection, GrantType.Channel);
        domain.GiveRegion(channel, name, GrantRights.Write, connection, GrantType.Listener);
        AddDoorbell("request", from: client, to: domain);
        AddDoorbell("reply", from: domain, to: client);
    }

    /// <summary>Memory that both have.</summary>
    /// <param name="suffix">What it is, behind the channel's name.</param>
    /// <param name="length">Bytes.</param>
    /// <param name="rights">What the domain's devices may do with it besides.</param>
    public void AddMemory(string suffix, ulong length, GrantRights rights = GrantRights.None)
    {
        ulong memory = shared.AddRegion($"{name}.{suffix}", length);
        client.GiveRegion(memory, $"{name}.{suffix}", GrantRights.Write, connection);
        domain.GiveRegion(memory, $"{name}.{suffix}", GrantRights.Write | rights, connection);
    }

    /// <summary>The doorbells of virtqueues.</summary>
    public void AddQueues(int count)
    {
        for (int queue = 0; queue < count; queue++)
        {
            AddDoorbell($"kick{queue}", from: client, to: domain);
            AddDoorbell($"call{queue}", from: domain, to: client);
            AddDoorbell($"error{queue}", from: domain, to: client);
        }
    }

    private void AddDoorbell(string suffix, PlannedComponent from, PlannedComponent to)
    {
        string doorbell = $"{name}.{suffix}";
        ulong number = shared.Doorbell(doorbell);
        from.GiveDoorbell(GrantKind.Ring, number, doorbell, connection);
        to.GiveDoorbell(GrantKind.Hear, number, doorbell, connection);
    }
}
