using static Makatea.Vmm.Policy.CpuidRegister;

namespace Makatea.Vmm.Policy;

/// <summary>
/// Features that guests may have where the host has them ([SDM] volume 2, CPUID; [APM] volume 3, appendix E): instructions, and state that belongs to the guest alone. What is
/// not here is denied; for what a reader may miss, <see cref="DeniedFeatures"/> says why.
/// </summary>
internal static class AllowedFeatures
{
    internal static IReadOnlyList<FeatureWord> Words { get; } =
    [
        new(1, 0, Ecx,
            ("sse3", 0), ("pclmulqdq", 1), ("ssse3", 9), ("fma", 12), ("cx16", 13), ("pcid", 17), ("sse4_1", 19), ("sse4_2", 20), ("movbe", 22), ("popcnt", 23), ("aes", 25),
            ("xsave", 26), ("avx", 28), ("f16c", 29), ("rdrand", 30)),
        new(1, 0, Edx,
            ("fpu", 0), ("vme", 1), ("de", 2), ("pse", 3), ("tsc", 4), ("msr", 5), ("pae", 6), ("cx8", 8), ("sep", 11), ("mtrr", 12), ("pge", 13), ("cmov", 15), ("pat", 16),
            ("pse36", 17), ("clflush", 19), ("mmx", 23), ("fxsr", 24), ("sse", 25), ("sse2", 26), ("ss", 27)),
        new(6, 0, Eax, ("arat", 2)),
        new(7, 0, Ebx,
            ("fsgsbase", 0), ("bmi1", 3), ("avx2", 5), ("fdp_excptn_only", 6), ("smep", 7), ("bmi2", 8), ("erms", 9), ("invpcid", 10), ("zero_fcs_fds", 13), ("avx512f", 16),
            ("avx512dq", 17), ("rdseed", 18), ("adx", 19), ("smap", 20), ("avx512ifma", 21), ("clflushopt", 23), ("clwb", 24), ("avx512cd", 28), ("sha_ni", 29), ("avx512bw", 30),
            ("avx512vl", 31)),
        new(7, 0, Ecx,
            ("avx512vbmi", 1), ("umip", 2), ("pku", 3), ("avx512_vbmi2", 6), ("gfni", 8), ("vaes", 9), ("vpclmulqdq", 10), ("avx512_vnni", 11), ("avx512_bitalg", 12),
            ("avx512_vpopcntdq", 14), ("rdpid", 22), ("cldemote", 25), ("movdiri", 27), ("movdir64b", 28)),
        new(7, 0, Edx,
            ("fsrm", 4), ("avx512_vp2intersect", 8), ("md_clear", 10), ("serialize", 14), ("avx512_fp16", 23), ("spec_ctrl", 26), ("intel_stibp", 27), ("flush_l1d", 28),
            ("arch_capabilities", 29), ("spec_ctrl_ssbd", 31)),
        new(7, 1, Eax,
            ("sha512", 0), ("sm3", 1), ("sm4", 2), ("avx_vnni", 4), ("avx512_bf16", 5), ("cmpccxadd", 7), ("fzrm", 10), ("fsrs", 11), ("fsrc", 12), ("avx_ifma", 23)),
        new(7, 1, Edx, ("avx_vnni_int8", 4), ("avx_ne_convert", 5), ("prefetchiti", 14)),
        new(7, 2, Edx, ("psfd", 0), ("ipred_ctrl", 1), ("rrsba_ctrl", 2), ("ddpd_u", 3), ("bhi_ctrl", 4), ("mcdt_no", 5)),
        new(0xd, 1, Eax, ("xsaveopt", 0), ("xsavec", 1), ("xgetbv1", 2), ("xsaves", 3)),
        new(0x8000_0001, 0, Ecx,
            ("lahf_lm", 0), ("cr8_legacy", 4), ("abm", 5), ("sse4a", 6), ("misalignsse", 7), ("3dnowprefetch", 8), ("xop", 11), ("fma4", 16), ("tbm", 21), ("topoext", 22)),
        // AMD repeats the bits of leaf 1 that it had first.
        new(0x8000_0001, 0, Edx,
            ("fpu", 0), ("vme", 1), ("de", 2), ("pse", 3), ("tsc", 4), ("msr", 5), ("pae", 6), ("cx8", 8), ("syscall", 11), ("mtrr", 12), ("pge", 13), ("cmov", 15), ("pat", 16),
            ("pse36", 17), ("nx", 20), ("mmxext", 22), ("mmx", 23), ("fxsr", 24), ("fxsr_opt", 25), ("pdpe1gb", 26), ("rdtscp", 27), ("lm", 29)),
        new(0x8000_0007, 0, Edx, ("invariant_tsc", 8)),
        new(0x8000_0008, 0, Ebx,
            ("clzero", 0), ("xsaveerptr", 2), ("wbnoinvd", 9), ("amd_ibpb", 12), ("amd_ibrs", 14), ("amd_stibp", 15), ("ibrs_always_on", 16), ("stibp_always_on", 17),
            ("ibrs_preferred", 18), ("ibrs_same_mode", 19), ("amd_ssbd", 24), ("virt_ssbd", 25), ("amd_ssb_no", 26), ("psfd", 28), ("btc_no", 29), ("ibpb_ret", 30)),
        new(0x8000_0021, 0, Eax,
            ("no_nested_data_bp", 0), ("lfence_rdtsc", 2), ("null_sel_clr_base", 6), ("autoibrs", 8), ("sbpb", 27), ("ibpb_brtype", 28), ("srso_no", 29)),
    ];
}
