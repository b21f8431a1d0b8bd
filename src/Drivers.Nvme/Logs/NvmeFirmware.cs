namespace Makatea.Drivers.Nvme;

/// <summary>The Firmware Slot Information log ([NVMe-2.1] Figure 207).</summary>
/// <param name="ActiveSlot">Slot of the running firmware, 1 to 7.</param>
/// <param name="NextSlot">Slot that the next reset activates; 0 where the controller does not say.</param>
/// <param name="Revisions">Revision in each slot, by slot from 1; empty where there is none.</param>
public sealed record NvmeFirmware(int ActiveSlot, int NextSlot, IReadOnlyList<string> Revisions)
{
    internal const int Length = 512;

    internal static NvmeFirmware Parse(ReadOnlySpan<byte> data)
    {
        var reader = new IdentifyReader(data);
        byte active = reader.Byte(0);
        string[] revisions = new string[7];
        for (int i = 0; i < revisions.Length; i++)
        {
            revisions[i] = reader.Text(8 + (8 * i), 8);
        }

        return new NvmeFirmware(active & 7, (active >> 4) & 7, revisions);
    }
}
