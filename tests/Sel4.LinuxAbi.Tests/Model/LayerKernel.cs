using Makatea.Sel4.LinuxAbi.Tests;

namespace Makatea.Sel4.LinuxAbi;

/// <summary>
/// The kernel as the layer uses it, by its rules: a slot holds one capability, an untyped object so many pages, a page's capability one mapping, and a mapping wants its tables. What breaks a rule of
/// the layer's own (a slot that is not empty, an object that is none) fails the test; what the kernel would refuse is refused.
/// </summary>
internal static unsafe class LayerKernel
{
    private const ulong PageSize = 4096;

    private static readonly Dictionary<uint, (ulong Next, ulong End)> _untypeds = [];
    private static readonly Dictionary<uint, Capability> _slots = [];
    private static readonly HashSet<(BoardValue Type, ulong Index)> _tables = [];
    private static readonly Dictionary<(uint Space, ulong Address), (ulong Page, CapabilityRights Rights)> _devices = [];
    private static readonly Dictionary<(uint Space, ulong Index), int> _deviceTables = [];

    /// <summary>Calls of threads: what was answered, started, suspended, signalled.</summary>
    public static Dictionary<uint, Registers> Answers { get; } = [];

    public static Dictionary<uint, Registers> Started { get; } = [];

    public static Dictionary<uint, Registers> Running { get; } = [];

    public static List<uint> Suspended { get; } = [];

    public static List<(uint Slot, ulong Badge)> Signals { get; } = [];

    public static Dictionary<uint, ulong> Priorities { get; } = [];

    public static Dictionary<uint, ulong> Storage { get; } = [];

    /// <summary>Who enters a guest, and with which buffer.</summary>
    public static Dictionary<uint, (uint Thread, ulong Buffer)> Guests { get; } = [];

    public static System.Text.StringBuilder Console { get; } = new();

    /// <summary>Pages that devices reach, by address space and device address: the page's number and rights.</summary>
    public static IReadOnlyDictionary<(uint Space, ulong Address), (ulong Page, CapabilityRights Rights)> Devices => _devices;

    public static ulong Now { get; set; }

    public static ulong RandomNumber { get; set; }

    /// <summary>Starts with untyped objects and other capabilities.</summary>
    public static void Reset(IEnumerable<(uint Slot, int Bits)> untypeds, IEnumerable<uint> others)
    {
        _untypeds.Clear();
        _slots.Clear();
        _tables.Clear();
        _devices.Clear();
        _deviceTables.Clear();
        ulong next = 0;
        foreach ((uint slot, int bits) in untypeds)
        {
            _untypeds.Add(slot, (next, next + (1ul << bits)));
            next += 1ul << bits;
        }

        HostMemory.Reset(next + (64 * PageSize));
        OtherPages = next;
        foreach (uint slot in others)
        {
            _slots.Add(slot, new Capability(BoardValue.ObjectNotification, 0));
        }

        Answers.Clear();
        Started.Clear();
        Running.Clear();
        Suspended.Clear();
        Signals.Clear();
        Priorities.Clear();
        Storage.Clear();
        Guests.Clear();
        Console.Clear();
        Now = 0;
        RandomNumber = 0x1_0000_0001;
    }

    /// <summary>Memory that is not the component's own: where the root task puts what it maps.</summary>
    public static ulong OtherPages { get; private set; }

    /// <summary>Puts a capability for a page of other memory into a slot.</summary>
    public static void GivePage(uint slot, ulong offset) => _slots.Add(slot, new Capability(BoardValue.ObjectPage, offset));

    public static bool IsEmpty(uint slot) => !_slots.ContainsKey(slot);

    internal static bool Make(uint untyped, BoardValue type, uint slot, uint count)
    {
        (ulong next, ulong end) = _untypeds[untyped];
        Assert.True(count is > 0 and <= 256);
        if (end - next < count * PageSize)
        {
            return false;
        }

        for (uint i = 0; i < count; i++)
        {
            _slots.Add(slot + i, new Capability(type, next + (i * PageSize))); // throws where the slot is not empty
        }

        _untypeds[untyped] = (next + (count * PageSize), end);
        return true;
    }

    internal static int Map(uint page, ulong address, CapabilityRights rights)
    {
        Capability capability = _slots[page];
        Assert.Equal(BoardValue.ObjectPage, capability.Type);
        Assert.Equal(0ul, address % PageSize);
        if (capability.Space != 0 || (capability.Address != 0 && capability.Address != address))
        {
            return -1;
        }

        foreach ((BoardValue type, int bits) in new[] { (BoardValue.ObjectPdpt, 39), (BoardValue.ObjectPageDirectory, 30), (BoardValue.ObjectPageTable, 21) })
        {
            if (!_tables.Contains((type, address >> bits)))
            {
                return (int)type;
            }
        }

        capability.Address = address;
        HostMemory.Show(address, capability.Object, rights != 0, (rights & CapabilityRights.Write) != 0);
        return (int)BoardValue.Count;
    }

    internal static bool MapTable(uint table, BoardValue type, ulong address)
    {
        Assert.Equal(type, _slots[table].Type);
        return _tables.Add((type, address >> (type == BoardValue.ObjectPdpt ? 39 : type == BoardValue.ObjectPageDirectory ? 30 : 21)));
    }

    internal static bool Unmap(uint page)
    {
        Capability capability = _slots[page];
        Assert.Equal(BoardValue.ObjectPage, capability.Type);
        if (capability.Space != 0)
        {
            Assert.True(_devices.Remove((capability.Space, capability.Address)));
        }
        else if (capability.Address != 0)
        {
            HostMemory.Hide(capability.Address);
        }

        capability.Address = capability.Space = 0;
        return true;
    }

    internal static bool MapForDevice(uint page, uint space, ulong address, CapabilityRights rights, out bool misses)
    {
        // Three levels of tables, as with an address width of 39 bits.
        Capability capability = _slots[page];
        Assert.Equal(BoardValue.ObjectPage, capability.Type);
        misses = _deviceTables.GetValueOrDefault((space, address >> 21)) < 3;
        if (misses || capability.Address != 0 || _devices.ContainsKey((space, address)))
        {
            return false;
        }

        capability.Space = space;
        capability.Address = address;
        _devices.Add((space, address), (capability.Object, rights));
        return true;
    }

    internal static bool MapDeviceTable(uint table, uint space, ulong address)
    {
        Assert.Equal(BoardValue.ObjectIOPageTable, _slots[table].Type);
        _deviceTables[(space, address >> 21)] = _deviceTables.GetValueOrDefault((space, address >> 21)) + 1;
        return true;
    }

    internal static bool Copy(uint source, uint target, ulong badge)
    {
        Capability capability = _slots[source];
        _slots.Add(target, new Capability(capability.Type, capability.Object) { Badge = badge });
        return true;
    }

    internal static bool Delete(uint slot)
    {
        Assert.True(_slots.Remove(slot));
        return true;
    }

    internal static void Answer(uint reply, Registers* registers) => Answers[reply] = *registers;

    internal static void Signal(uint notification) => Signals.Add((notification, _slots[notification].Badge));

    internal static void Wait(uint notification) => Assert.Fail($"the layer's thread waits at {notification}");

    internal static void Yield() => Assert.Fail("the layer's thread yields");

    internal static void Suspend(uint thread) => Suspended.Add(thread);

    internal static void Read(uint thread, Registers* registers) => *registers = Running[thread];

    internal static void Start(uint thread, Registers* registers) => Started[thread] = *registers;

    internal static bool BindGuest(uint thread, uint guest, ulong buffer) => Guests.TryAdd(guest, (thread, buffer));

    internal static void SetStorage(uint thread, ulong address) => Storage[thread] = address;

    internal static void SetPriority(uint thread, ulong priority) => Priorities[thread] = priority;

    internal static void Write(byte* text, int length) => Console.Append(new string((sbyte*)text, 0, length));

    internal static void Put(byte character) => Console.Append((char)character);

    internal static void Exit(ExitReason reason, ulong instruction, ulong detail, ulong thread) => throw new ComponentEnded(reason, instruction, detail, thread);

    internal static ulong Ticks() => Now;

    internal static ulong Random() => RandomNumber;

    internal static void Clear(ulong address, ulong length) => new Span<byte>((void*)address, (int)length).Clear();

    internal static void Copy(byte* target, byte* source, ulong length) => Buffer.MemoryCopy(source, target, length, length);

    private sealed class Capability(BoardValue type, ulong instance)
    {
        public BoardValue Type => type;

        /// <summary>Where its memory is.</summary>
        public ulong Object => instance;

        public ulong Badge { get; init; }

        /// <summary>Where it is mapped, and for which device's address space; 0 for none.</summary>
        public ulong Address { get; set; }

        public uint Space { get; set; }
    }
}
