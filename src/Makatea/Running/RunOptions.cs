using Makatea.Qemu;
using Makatea.Systems;

namespace Makatea.Running;

/// <summary>What to run and how.</summary>
/// <param name="System">The system.</param>
/// <param name="File">Path of its file.</param>
/// <param name="Qemu">Path of QEMU.</param>
/// <param name="Accelerator">Finds out what QEMU uses; may take seconds.</param>
/// <param name="StopTime">How long a guest gets to power down.</param>
/// <param name="Devices">What it may do to this machine's devices.</param>
internal sealed record RunOptions(SystemDescription System, string File, string Qemu, Func<Accelerator> Accelerator, TimeSpan StopTime, DeviceOptions Devices);
