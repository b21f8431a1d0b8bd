using System.Text;
using Makatea.Sel4;

namespace Makatea.Platform.Sel4;

/// <summary>What the root task told the component (<see cref="ComponentInfo"/>).</summary>
internal sealed unsafe class ComponentTable
{
    private readonly byte* _base;
    private readonly ComponentInfo* _info;
    private readonly GrantEntry[] _grants;

    /// <summary>Reads what is told.</summary>
    /// <param name="address">Where a <see cref="ComponentInfo"/> is mapped: memory that the root task alone writes.</param>
    /// <exception cref="PlatformNotSupportedException">There is none.</exception>
    internal ComponentTable(nint address)
    {
        _base = (byte*)address;
        _info = (ComponentInfo*)address;
        if (_info->Magic != ComponentInfo.MagicValue)
        {
            throw new PlatformNotSupportedException($"at 0x{address:x} is not what the root task tells its components");
        }

        Name = Text(_info->NameOffset, _info->NameLength);
        GrantInfo* grants = (GrantInfo*)(_base + _info->GrantsOffset);
        _grants = new GrantEntry[_info->GrantCount];
        for (int i = 0; i < _grants.Length; i++)
        {
            _grants[i] = new GrantEntry(grants + i, Text(grants[i].NameOffset, grants[i].NameLength));
        }
    }

    /// <summary>The component's name.</summary>
    internal string Name { get; }

    /// <summary>How often it was started.</summary>
    internal ulong Generation => _info->Generation;

    /// <summary>Slot of the first notification that its threads wait at.</summary>
    internal ulong FirstWaiter => _info->FirstWaiter;

    /// <summary>How many.</summary>
    internal ulong Waiters => _info->Waiters;

    /// <summary>Ticks of the time-stamp counter in a microsecond.</summary>
    internal ulong TicksPerMicrosecond => _info->TicksPerMicrosecond;

    /// <summary>The time-stamp counter at the start of CLOCK_MONOTONIC.</summary>
    internal ulong StartTicks => _info->StartTicks;

    /// <summary>One of the kernel's numbers.</summary>
    internal long BoardValue(BoardValue value) => ((long*)(_base + _info->BoardOffset))[(int)value];

    /// <summary>What it has now: connections come and go.</summary>
    internal IEnumerable<GrantEntry> Grants => _grants.Where(g => g.IsThere);

    /// <summary>The grant of a kind and a name.</summary>
    /// <exception cref="GrantException">The component does not have it.</exception>
    internal GrantEntry Find(GrantKind kind, string name) => TryFind(kind, name)
        ?? throw new GrantException($"component '{Name}' has no {kind} '{name}'; it has {string.Join(", ", Grants.Where(g => g.Kind == kind).Select(g => g.Name).DefaultIfEmpty("none"))}");

    /// <summary>The grant of a kind and a name, or null.</summary>
    internal GrantEntry? TryFind(GrantKind kind, string name) => Grants.FirstOrDefault(g => g.Kind == kind && g.Name == name);

    private string Text(ulong offset, ulong length) => Encoding.UTF8.GetString(_base + offset, (int)length);
}
