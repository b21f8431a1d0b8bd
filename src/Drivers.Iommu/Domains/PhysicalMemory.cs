using Makatea.Platform;

namespace Makatea.Drivers.Iommu.Domains;

/// <summary>
/// Where memory of this component is physically. Memory that the machine's physical space does not know yet is made known to it for as long as a domain maps it, so
/// that the host keeps it in its place.
/// </summary>
internal sealed class PhysicalMemory(DmaSpace physical)
{
    private const ulong PageSize = 4096;
    private const ulong MaxStep = 1 << 30;
    private readonly List<Pin> _pins = [];

    /// <summary>Finds memory and keeps it in its place.</summary>
    /// <param name="address">Host virtual address of a page.</param>
    /// <param name="length">Whole pages.</param>
    /// <param name="memory">What they belong to, where that is known.</param>
    /// <param name="extents">Where it is, in order; physically consecutive pages are one.</param>
    /// <returns>To be given to <see cref="Unpin"/>; null where there is nothing to do.</returns>
    /// <exception cref="DmaException">The machine's devices cannot reach it.</exception>
    internal object? Take(nint address, ulong length, MappedMemory? memory, out IReadOnlyList<(ulong Address, ulong Length)> extents)
    {
        Pin? pin = _pins.Find(p => p.Has(address, length));
        if (!TryFind(address, length, out extents))
        {
            DmaMapping mapping = physical.Map(memory ?? new Borrowed(address, length), DmaAccess.ReadWrite);
            if (!TryFind(address, length, out extents))
            {
                mapping.Dispose();
                throw new DmaException($"0x{length:x} bytes at 0x{address:x} have no physical addresses although the machine mapped them; it cannot be used for DMA");
            }

            pin = new Pin(mapping);
            _pins.Add(pin);
        }

        if (pin is not null)
        {
            pin.Users++;
        }

        return pin;
    }

    /// <summary>Lets memory go.</summary>
    internal void Unpin(object? token)
    {
        if (token is Pin pin && --pin.Users == 0)
        {
            _pins.Remove(pin);
            pin.Mapping.Dispose();
        }
    }

    private bool TryFind(nint address, ulong length, out IReadOnlyList<(ulong Address, ulong Length)> extents)
    {
        List<(ulong Address, ulong Length)> found = [];
        extents = found;
        int hint = 0;
        for (ulong done = 0; done < length;)
        {
            ulong step = Math.Min(length - done, MaxStep);
            ulong at;
            while (!physical.TryTranslate(address + (nint)done, (int)step, ref hint, out at))
            {
                if (step == PageSize)
                {
                    return false;
                }

                step = ((step / 2) + PageSize - 1) & ~(PageSize - 1);
            }

            if (found.Count > 0 && found[^1].Address + found[^1].Length == at)
            {
                found[^1] = (found[^1].Address, found[^1].Length + step);
            }
            else
            {
                found.Add((at, step));
            }

            done += step;
        }

        return true;
    }

    private sealed class Pin(DmaMapping mapping)
    {
        internal DmaMapping Mapping => mapping;

        internal int Users { get; set; }

        internal bool Has(nint address, ulong length)
        {
            ulong offset = (ulong)address - (ulong)mapping.Address;
            return offset < mapping.Length && length <= mapping.Length - offset;
        }
    }

    /// <summary>Memory that somebody else mapped and unmaps.</summary>
    private sealed class Borrowed(nint address, ulong length) : MappedMemory
    {
        public override nint Address => address;

        public override ulong Length => length;

        public override bool IsLost => false;

        protected override void Dispose(bool disposing)
        {
            // Not ours.
        }
    }
}
