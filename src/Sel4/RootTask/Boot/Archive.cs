using System.Runtime;
using System.Runtime.CompilerServices;

namespace Makatea.Sel4;

/// <summary>What the image builder put behind the root task: the kernel's numbers, programs and their manifests.</summary>
internal static unsafe class Archive
{
    internal static long* Board() => (long*)0x1000_0000;
}
