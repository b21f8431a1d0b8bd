using System.Numerics;
using System.Runtime.InteropServices;

namespace Makatea.NetStack;

/// <summary>
/// Which port of the uplink's address stands for which port of a qube: one for all that the qube's port talks to, so that peers which tell each other of it can meet
/// ([RFC 4787] 4.1: endpoint-independent mapping). A mapping lives as long as one of its flows.
/// </summary>
internal sealed class PortMappings
{
    private const int None = -1;
    private readonly Mapping[] _mappings;
    private readonly int[] _byInternal;
    private readonly int[] _byExternal;
    private readonly FlowKeyHash _hash;
    private readonly int _mask;
    private int _free;

    public PortMappings(int capacity, FlowKeyHash hash)
    {
        _hash = hash;
        _mappings = new Mapping[capacity];
        _byInternal = new int[BitOperations.RoundUpToPowerOf2((uint)capacity)];
        _byExternal = new int[_byInternal.Length];
        _mask = _byInternal.Length - 1;
        Array.Fill(_byInternal, None);
        Array.Fill(_byExternal, None);
        for (int i = 0; i < capacity; i++)
        {
            _mappings[i].NextInternal = i + 1 < capacity ? i + 1 : None;
        }
    }

    /// <summary>Finds the mapping of a qube's port.</summary>
    /// <returns>Its number; less than 0 where there is none.</returns>
    public int Find(IpAddress address, ushort port, byte protocol)
    {
        int found = _byInternal[InternalBucket(address, port, protocol)];
        while (found >= 0 && !_mappings[found].Is(address, port, protocol))
        {
            found = _mappings[found].NextInternal;
        }

        return found;
    }

    /// <summary>A port of the uplink's address stands for one of a qube.</summary>
    public bool IsUsed(bool isIPv4, ushort port, byte protocol)
    {
        int found = _byExternal[ExternalBucket(isIPv4, port, protocol)];
        while (found >= 0 && !_mappings[found].Stands(isIPv4, port, protocol))
        {
            found = _mappings[found].NextExternal;
        }

        return found >= 0;
    }

    /// <summary>The uplink's port of a mapping.</summary>
    public ushort ExternalPort(int mapping) => _mappings[mapping].ExternalPort;

    /// <summary>Adds a mapping with its first flow. There is place: no flow has two.</summary>
    public int Add(IpAddress address, ushort port, byte protocol, ushort externalPort)
    {
        int index = _free;
        ref Mapping mapping = ref _mappings[index];
        _free = mapping.NextInternal;
        ref int first = ref _byInternal[InternalBucket(address, port, protocol)];
        ref int firstExternal = ref _byExternal[ExternalBucket(address.IsIPv4, externalPort, protocol)];
        mapping = new() { Address = address, Port = port, Protocol = protocol, ExternalPort = externalPort, Flows = 1, NextInternal = first, NextExternal = firstExternal };
        first = firstExternal = index;
        return index;
    }

    /// <summary>A further flow uses a mapping.</summary>
    public void Keep(int mapping) => _mappings[mapping].Flows++;

    /// <summary>A flow of a mapping ended.</summary>
    public void Release(int mapping)
    {
        ref Mapping released = ref _mappings[mapping];
        if (--released.Flows > 0)
        {
            return;
        }

        ref int link = ref _byInternal[InternalBucket(released.Address, released.Port, released.Protocol)];
        while (link != mapping)
        {
            link = ref _mappings[link].NextInternal;
        }

        link = released.NextInternal;
        link = ref _byExternal[ExternalBucket(released.Address.IsIPv4, released.ExternalPort, released.Protocol)];
        while (link != mapping)
        {
            link = ref _mappings[link].NextExternal;
        }

        link = released.NextExternal;
        released.NextInternal = _free;
        _free = mapping;
    }

    private int InternalBucket(IpAddress address, ushort port, byte protocol) => (int)_hash.Of(address, port, protocol) & _mask;

    private int ExternalBucket(bool isIPv4, ushort port, byte protocol) => (int)_hash.Of(isIPv4 ? IpAddress.Any4 : IpAddress.Any6, port, protocol) & _mask;

    [StructLayout(LayoutKind.Sequential)]
    private struct Mapping
    {
        public IpAddress Address;
        public ushort Port;
        public ushort ExternalPort;
        public byte Protocol;
        public int Flows;
        public int NextInternal;
        public int NextExternal;

        public readonly bool Is(IpAddress address, ushort port, byte protocol) => Port == port && Protocol == protocol && Address == address;

        public readonly bool Stands(bool isIPv4, ushort port, byte protocol) => ExternalPort == port && Protocol == protocol && Address.IsIPv4 == isIPv4;
    }
}
