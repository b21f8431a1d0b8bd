namespace Makatea.Platform.Linux;

/// <summary>A list of MSRs as the bitmaps that KVM's filter takes: what is not in one exits.</summary>
internal sealed class KvmMsrFilter
{
    /// <summary>MSRs of one bitmap.</summary>
    internal const uint WindowLength = Libc.KVM_MSR_FILTER_MAX_BITMAP_SIZE * 8;

    // KVM takes the first bitmap that is for the access and holds the MSR; so reads and writes have bitmaps of their own.
    private const int MostWindows = Libc.KVM_MSR_FILTER_MAX_RANGES / 2;

    private readonly List<Window> _windows = [];

    /// <summary>Adds MSRs.</summary>
    /// <exception cref="ArgumentException">The range is empty or wraps, or there are too many far from each other.</exception>
    internal void Add(MsrPermission permission)
    {
        if (permission.Count == 0 || permission.Count - 1 > uint.MaxValue - permission.First || (permission.Access & ~MemoryAccess.ReadWrite) != 0)
        {
            throw new ArgumentException($"0x{permission.Count:x} MSRs at 0x{permission.First:x} are no range", nameof(permission));
        }

        uint last = permission.First + (permission.Count - 1);
        for (uint start = permission.First - (permission.First % WindowLength); ; start += WindowLength)
        {
            uint from = Math.Max(permission.First, start);
            uint to = Math.Min(last, start + Math.Min(WindowLength - 1, uint.MaxValue - start));
            Mark(WindowAt(start), from - start, to - start, permission.Access);
            if (to == last)
            {
                return;
            }
        }
    }

    /// <summary>The bitmaps: first MSR, the access that a set bit allows, bits.</summary>
    internal IEnumerable<(uint First, uint Flags, byte[] Bitmap)> Ranges()
    {
        foreach (Window window in _windows)
        {
            yield return (window.First, Libc.KVM_MSR_FILTER_READ, window.Reads);
            yield return (window.First, Libc.KVM_MSR_FILTER_WRITE, window.Writes);
        }

        // A filter that denies everything has to have a range all the same.
        if (_windows.Count == 0)
        {
            yield return (0, Libc.KVM_MSR_FILTER_READ | Libc.KVM_MSR_FILTER_WRITE, new byte[8]);
        }
    }

    private static void Mark(Window window, uint from, uint to, MemoryAccess access)
    {
        for (uint i = from; i <= to; i++)
        {
            byte bit = (byte)(1 << (int)(i % 8));
            window.Reads[i / 8] |= access.HasFlag(MemoryAccess.Read) ? bit : (byte)0;
            window.Writes[i / 8] |= access.HasFlag(MemoryAccess.Write) ? bit : (byte)0;
        }
    }

    private Window WindowAt(uint start)
    {
        Window? window = _windows.Find(w => w.First == start);
        if (window is null)
        {
            if (_windows.Count == MostWindows)
            {
                throw new ArgumentException($"MSRs in more than {MostWindows} blocks of 0x{WindowLength:x} cannot be allowed; 0x{start:x} is one too many");
            }

            window = new(start, new byte[WindowLength / 8], new byte[WindowLength / 8]);
            _windows.Add(window);
        }

        return window;
    }

    private sealed record Window(uint First, byte[] Reads, byte[] Writes);
}
