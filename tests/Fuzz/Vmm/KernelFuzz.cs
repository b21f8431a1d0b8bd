using Makatea.Virtio.Testing;
using Makatea.Vmm.Boot;
using Makatea.Vmm.Tests.Boot;

namespace Makatea.Fuzz.Vmm;

/// <summary>
/// Fuzzes what loads kernels: right images whose headers, program headers and notes were changed, and initramfs of any length. Each is loaded or refused with the exception for that, and
/// nothing is written outside the guest's memory.
/// </summary>
public sealed class KernelFuzz : IFuzzTarget
{
    private const ulong Memory = 32 << 20;
    private static readonly byte[] _bzImage = BzImage.Make();
    private static readonly byte[] _pvh = PvhImage.Make();
    private static readonly int[] _bzFields = [0x1f1, 0x1f4, 0x1fe, 0x201, 0x202, 0x206, 0x211, 0x22c, 0x236, 0x238, 0x258, 0x260];
    private readonly GuestArena _arena = new(new GuestRange(0, Memory));
    private readonly GuestLayout _layout = new(Memory, 40);
    private long _loaded, _refused;

    /// <inheritdoc/>
    public string Name => "kernels";

    /// <inheritdoc/>
    public string Unit => "images";

    /// <inheritdoc/>
    public int MaxInput => 256;

    /// <inheritdoc/>
    public string Coverage => $"loaded {_loaded}, refused {_refused}";

    /// <inheritdoc/>
    public void Dispose() => _arena.Dispose();

    /// <inheritdoc/>
    public long Run(FuzzInput input)
    {
        bool isBzImage = input.OneIn(2);
        byte[] image = isBzImage ? [.. _bzImage] : [.. _pvh];
        for (int changes = input.Below(4); changes >= 0; changes--)
        {
            int width = input.Pick([1, 2, 4, 8]);
            int at = isBzImage ? (input.OneIn(3) ? input.Below(0x290) : input.Pick(_bzFields)) : input.Below(input.OneIn(2) ? PvhImage.Notes + 0x60 : 0x120);
            BitConverter.GetBytes(input.Odd()).AsSpan(0, width).CopyTo(image.AsSpan(at));
        }

        if (input.OneIn(8))
        {
            Array.Resize(ref image, input.Below(image.Length));
        }

        BootRequest request = new()
        {
            Memory = _arena.Memory,
            Layout = _layout,
            Kernel = BootImage.FromMemory(image),
            Initramfs = input.OneIn(3) ? BootImage.FromMemory(new byte[input.UInt16()]) : null,
            CommandLine = new string('x', input.Below(4096)),
        };
        try
        {
            InitialCpuState state = KernelLoader.Load(request);
            _loaded++;
            if (state.Registers.Rip >= Memory || state.Registers.Rip < 1 << 20)
            {
                throw new FuzzException($"a kernel that was loaded starts at 0x{state.Registers.Rip:x}, outside the guest's memory");
            }
        }
        catch (BootException)
        {
            _refused++;
        }

        _arena.CheckCanaries();
        return 1;
    }
}
