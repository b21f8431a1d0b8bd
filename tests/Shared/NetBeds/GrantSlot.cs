using Makatea.Platform.Linux;
using Microsoft.Win32.SafeHandles;

namespace Makatea.Tests.Net;

/// <summary>A descriptor of this process under a number of its own, as a component inherits it.</summary>
internal sealed class GrantSlot : IDisposable
{
    private readonly SafeFileHandle _handle;

    private GrantSlot(SafeFileHandle handle) => _handle = handle;

    internal int Number => (int)_handle.DangerousGetHandle();

    /// <summary>Gives descriptors numbers that follow each other.</summary>
    internal static GrantSlot[] Of(params SafeFileHandle[] sources)
    {
        // High enough that nobody else gets a number in between.
        for (int first = 600; ; first += sources.Length)
        {
            GrantSlot[] slots = [.. sources.Select((s, i) => new GrantSlot(LinuxGrant.Duplicate(s, first + i)))];
            if (slots.Select((s, i) => s.Number == first + i).All(isIt => isIt))
            {
                return slots;
            }

            foreach (GrantSlot slot in slots)
            {
                slot.Dispose();
            }
        }
    }

    public void Dispose() => _handle.Dispose();
}
