using System.Runtime.InteropServices;

namespace Makatea.NetStack;

/// <summary>The addresses of names that rules are for: some for each name, in fixed places, so that looking at them allocates nothing.</summary>
/// <remarks>
/// An address counts until its time to live is over and <see cref="Grace"/> after that, as programs in a qube hold on to what they resolved. It is remembered until its place is needed:
/// rules that drop go by all that is remembered.
/// </remarks>
public sealed class HostNames : IHostNames
{
    /// <summary>Addresses for each name at most; the one that expires first makes place.</summary>
    public const int MaxAddresses = 32;

    /// <summary>How long an address counts after its time to live, in milliseconds.</summary>
    public const long Grace = 60_000;

    private const long LeastInterval = 5_000;
    private const long LongestInterval = 3_600_000;
    private const long RetryInterval = 15_000;

    private readonly List<Host> _hosts = [];
    private readonly Dictionary<string, int> _byName = new(StringComparer.Ordinal);
    private readonly Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> _bySpan;

    /// <summary>Makes a store without names.</summary>
    public HostNames() => _bySpan = _byName.GetAlternateLookup<ReadOnlySpan<char>>();

    /// <inheritdoc/>
    public bool IsWanted(ReadOnlySpan<char> name) => _bySpan.TryGetValue(name, out int number) && _hosts[number].Users > 0;

    /// <inheritdoc/>
    public void Learn(ReadOnlySpan<char> name, IpAddress address, long lifetime, long now)
    {
        if (!_bySpan.TryGetValue(name, out int number) || _hosts[number] is not { Users: > 0 } host)
        {
            return;
        }

        lifetime = Math.Clamp(lifetime, 0, LongestInterval);
        host.Put(address, now + lifetime + Grace);
        host.Due = now + Math.Max(lifetime, LeastInterval);
    }

    /// <inheritdoc/>
    public bool TryTakeDue(long now, out string name, out long next)
    {
        next = long.MaxValue;
        foreach (Host host in _hosts)
        {
            if (host.Users > 0 && host.Due <= now)
            {
                host.Due = now + RetryInterval;
                name = host.Name;
                return true;
            }

            next = host.Users > 0 ? Math.Min(next, host.Due) : next;
        }

        name = "";
        return false;
    }

    /// <summary>A rule is for a name.</summary>
    /// <returns>The name's number, to be given back with <see cref="Release"/>.</returns>
    internal int Want(string name)
    {
        if (!_byName.TryGetValue(name, out int number))
        {
            // Names of rules that are gone make place.
            number = _hosts.FindIndex(host => host.Users == 0);
            if (number < 0)
            {
                number = _hosts.Count;
                _hosts.Add(new(name));
            }
            else
            {
                _byName.Remove(_hosts[number].Name);
                _hosts[number] = new(name);
            }

            _byName.Add(name, number);
        }

        _hosts[number].Users++;
        return number;
    }

    /// <summary>A rule is gone.</summary>
    internal void Release(int number) => _hosts[number].Users--;

    /// <summary>A name was never resolved.</summary>
    internal bool IsUnknown(int number) => _hosts[number].Count == 0;

    /// <summary>Whether a name has an address.</summary>
    /// <param name="number">The name.</param>
    /// <param name="address">The address.</param>
    /// <param name="since">An address counts that expires after this; all that are remembered with <see cref="long.MinValue"/>.</param>
    internal bool Has(int number, IpAddress address, long since)
    {
        foreach (ref readonly HostAddress known in _hosts[number].Known)
        {
            if (known.Address == address)
            {
                return known.Expires > since;
            }
        }

        return false;
    }

    private sealed class Host(string name)
    {
        private readonly HostAddress[] _addresses = new HostAddress[MaxAddresses];

        public string Name { get; } = name;

        public int Users { get; set; }

        public int Count { get; private set; }

        /// <summary>When it is to be asked for; at once at first.</summary>
        public long Due { get; set; } = long.MinValue;

        public ReadOnlySpan<HostAddress> Known => _addresses.AsSpan(0, Count);

        public void Put(IpAddress address, long expires)
        {
            int place = 0;
            for (int i = 0; i < Count; i++)
            {
                if (_addresses[i].Address == address)
                {
                    _addresses[i].Expires = Math.Max(_addresses[i].Expires, expires);
                    return;
                }

                place = _addresses[i].Expires < _addresses[place].Expires ? i : place;
            }

            place = Count < MaxAddresses ? Count++ : place;
            _addresses[place] = new() { Address = address, Expires = expires };
        }
    }

    [StructLayout(LayoutKind.Auto)]
    private struct HostAddress
    {
        public IpAddress Address;
        public long Expires;
    }
}
