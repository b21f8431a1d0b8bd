namespace Makatea.Sel4.RootTask.Tests;

/// <summary>Keeps the kernel's rules of untyped objects: what has children is not divided again, and what was revoked has none.</summary>
internal sealed class FakeKernel
{
    private readonly Dictionary<uint, (ulong Address, int Bits, uint Parent)> _untypeds = [];

    /// <summary>Objects that somebody made in an untyped, by its slot.</summary>
    public HashSet<uint> Objects { get; } = [];

    public bool RefusesToRevoke { get; set; }

    public int Untypeds => _untypeds.Count;

    public void Give(uint slot, ulong address, int bits) => _untypeds.Add(slot, (address, bits, 0));

    public bool Split(uint untyped, int childBits, uint firstChild)
    {
        (ulong address, int bits, _) = _untypeds[untyped];
        Assert.Equal(bits - 1, childBits);
        Assert.DoesNotContain(_untypeds.Values, u => u.Parent == untyped);
        Assert.DoesNotContain(untyped, Objects);
        _untypeds.Add(firstChild, (address, childBits, untyped)); // throws where the slot is not empty
        _untypeds.Add(firstChild + 1, (address + (1ul << childBits), childBits, untyped));
        return true;
    }

    public bool Revoke(uint untyped)
    {
        if (RefusesToRevoke)
        {
            return false;
        }

        Assert.Contains(untyped, _untypeds.Keys);
        Objects.Remove(untyped);
        foreach (uint child in _untypeds.Where(u => u.Value.Parent == untyped).Select(u => u.Key).ToArray())
        {
            Revoke(child);
            _untypeds.Remove(child);
        }

        return true;
    }

    public (ulong Address, int Bits) Untyped(uint slot) => (_untypeds[slot].Address, _untypeds[slot].Bits);

    /// <summary>What the allocator holds.</summary>
    internal readonly struct Handle(FakeKernel kernel) : IUntypedKernel
    {
        public bool Split(uint untyped, int childBits, uint firstChild) => kernel.Split(untyped, childBits, firstChild);

        public bool Revoke(uint untyped) => kernel.Revoke(untyped);
    }
}
