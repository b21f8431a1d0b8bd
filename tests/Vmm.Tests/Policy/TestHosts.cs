using Makatea.Platform;

namespace Makatea.Vmm.Tests.Policy;

/// <summary>Hosts that report everything, so that what is left is the policy's doing.</summary>
internal static class TestHosts
{
    public const ulong AllCapabilities = ulong.MaxValue;

    public static VirtualMachineInfo Intel(string name = "KVM") => Host(name, "GenuineIntel", extra:
    [
        new(0x2, null, 0x00feff01, 0xf0, 0, 0),
        new(0x4, 0, 0xfc00_4121, 0x02c0_003f, 0x3f, 0),
        new(0x4, 1, 0xfc00_4122, 0x01c0_003f, 0x3f, 0),
        new(0x4, 2, 0xfc00_4143, 0x04c0_003f, 0x7ff, 0),
        new(0x4, 3, 0xfc1f_c163, 0x0380_003f, 0xdfff, 4),
        new(0x4, 4, 0, 0, 0, 0),
        new(0x1f, 0, 1, 2, 0x100, 5),
    ]);

    public static VirtualMachineInfo Amd(string name = "KVM") => Host(name, "AuthenticAMD", extra:
    [
        new(0x8000_001d, 0, 0x0000_4121, 0x01c0_003f, 0x3f, 0),
        new(0x8000_001d, 3, 0x0001_c163, 0x03c0_003f, 0x7fff, 1),
        new(0x8000_001d, 4, 0, 0, 0, 0),
        new(0x8000_001e, null, 5, 0x0102, 0x0303, 0),
        new(0x8000_0021, null, ~0U, ~0U, ~0U, ~0U),
        new(0x8000_0022, null, ~0U, ~0U, ~0U, ~0U),
    ]);

    private static VirtualMachineInfo Host(string name, string vendor, CpuidEntry[] extra)
    {
        byte[] letters = System.Text.Encoding.ASCII.GetBytes(vendor);
        uint ebx = BitConverter.ToUInt32(letters, 0);
        uint edx = BitConverter.ToUInt32(letters, 4);
        uint ecx = BitConverter.ToUInt32(letters, 8);
        List<CpuidEntry> table =
        [
            new(0, null, 0x24, ebx, ecx, edx),
            new(1, null, 0x000a_0655, 0x0708_0800, ~0U, ~0U),
            .. new uint[] { 3, 5, 6, 9, 0xa, 0xc, 0x12, 0x14, 0x19, 0x1c, 0x20, 0x23 }.Select(leaf => new CpuidEntry(leaf, 0, ~0U, ~0U, ~0U, ~0U)),
            new(7, 0, 2, ~0U, ~0U, ~0U), new(7, 1, ~0U, ~0U, ~0U, ~0U), new(7, 2, ~0U, ~0U, ~0U, ~0U),
            new(0xb, 0, 1, 2, 0x100, 5), new(0xb, 1, 4, 16, 0x201, 5),
            new(0xd, 0, 0x602e7, 0x2b00, 0x2b00, 0), new(0xd, 1, ~0U, 0x2b00, 0x1800, 0), new(0xd, 2, 256, 576, 0, 0),
            new(0xd, 5, 64, 1088, 0, 0), new(0xd, 6, 512, 1152, 0, 0), new(0xd, 7, 1024, 1664, 0, 0), new(0xd, 9, 8, 2688, 0, 0),
            new(0xd, 11, 16, 0, 1, 0), new(0xd, 17, 64, 2752, 2, 0), new(0xd, 18, 8192, 2816, 6, 0),
            new(0x15, null, 2, 200, 25_000_000, 0), new(0x16, null, 2500, 3500, 100, 0),
            new(0x4000_0000, null, 0x4000_0001, 0x4b4d_564b, 0x564b_4d56, 0x4d), new(0x4000_0001, null, ~0U, 0, 0, ~0U),
            new(0x8000_0000, null, 0x8000_0028, ebx, ecx, edx),
            new(0x8000_0001, null, 0x000a_0655, 0, ~0U, ~0U),
            new(0x8000_0002, null, 1, 2, 3, 4),
            new(0x8000_0007, null, ~0U, ~0U, ~0U, ~0U), new(0x8000_0008, null, 0x0080_3028, ~0U, 0x7003, ~0U), new(0x8000_000a, null, ~0U, ~0U, ~0U, ~0U),
            new(0x8000_001b, null, ~0U, ~0U, ~0U, ~0U), new(0x8000_001f, null, ~0U, ~0U, ~0U, ~0U),
            .. extra,
        ];
        return new()
        {
            Host = name,
            IsEmulated = false,
            Cpuid = table,
            StateMsrs = [],
            FeatureMsrs = [new(0x10a, AllCapabilities), new(0x8b, 0x1234_0000_0000), new(0xc001_1029, ulong.MaxValue)],
            MaximumCpus = 64,
            MaximumRegions = 64,
            CanScaleTsc = false,
        };
    }
}
