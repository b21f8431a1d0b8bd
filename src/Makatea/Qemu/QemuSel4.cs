using System.Runtime.InteropServices;

namespace Makatea.Qemu;

/// <summary>A machine of QEMU's that a kernel is started in.</summary>
/// <param name="qemu">Absolute path of QEMU.</param>
/// <param name="machine">The machine.</param>
internal sealed class QemuSel4(string qemu, Sel4Machine machine) : ISel4Emulator
{
    /// <inheritdoc/>
    public string Program => qemu;

    /// <inheritdoc/>
    public IReadOnlyList<string> Arguments { get; } = machine.Arguments();

    /// <inheritdoc/>
    public IReadOnlyDictionary<string, string> Environment { get; } = new Dictionary<string, string>();

    /// <inheritdoc/>
    public IReadOnlyDictionary<int, SafeHandle> Descriptors(SafeHandle console, SafeHandle complaints) => new Dictionary<int, SafeHandle> { [1] = console, [2] = complaints };

    /// <inheritdoc/>
    /// <remarks>QEMU writes back what it has of disks.</remarks>
    public bool IsKilled => false;

    /// <inheritdoc/>
    public void Dispose()
    {
        // The process holds all that there is.
    }
}
