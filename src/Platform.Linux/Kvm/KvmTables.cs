using System.Runtime.CompilerServices;
using Microsoft.Win32.SafeHandles;

namespace Makatea.Platform.Linux;

/// <summary>The lists in which KVM says what it supports, and in which it takes what it is given.</summary>
internal static unsafe class KvmTables
{
    /// <summary>More would be a fault of the kernel.</summary>
    private const int MostEntries = 1 << 16;

    /// <summary>What CPUID can answer at most.</summary>
    /// <exception cref="IOException">The kernel fails.</exception>
    internal static CpuidEntry[] ReadCpuid(SafeFileHandle device)
    {
        for (int room = 256; room <= MostEntries; room *= 2)
        {
            byte[] list = NewList<Libc.KvmCpuidEntry>(room);
            fixed (byte* start = list)
            {
                if (Libc.Ioctl(device, Libc.KVM_GET_SUPPORTED_CPUID, start) == 0)
                {
                    ReadOnlySpan<Libc.KvmCpuidEntry> entries = new(start + sizeof(Libc.KvmListHead), Count(start, room));
                    var result = new CpuidEntry[entries.Length];
                    for (int i = 0; i < result.Length; i++)
                    {
                        Libc.KvmCpuidEntry e = entries[i];
                        uint? subleaf = (e.Flags & Libc.KVM_CPUID_FLAG_SIGNIFCANT_INDEX) != 0 ? e.Index : null;
                        result[i] = new(e.Function, subleaf, e.Eax, e.Ebx, e.Ecx, e.Edx);
                    }

                    return result;
                }
            }

            // E2BIG: there are more.
            if (Errno.Last != Errno.E2BIG)
            {
                break;
            }
        }

        throw LinuxError.Io("cannot ask KVM what it supports", "KVM_GET_SUPPORTED_CPUID", Errno.Last);
    }

    /// <summary>The form in which KVM_SET_CPUID2 takes a table.</summary>
    internal static byte[] ToList(ReadOnlySpan<CpuidEntry> table)
    {
        byte[] list = NewList<Libc.KvmCpuidEntry>(table.Length);
        fixed (byte* start = list)
        {
            var entries = (Libc.KvmCpuidEntry*)(start + sizeof(Libc.KvmListHead));
            for (int i = 0; i < table.Length; i++)
            {
                CpuidEntry e = table[i];
                entries[i] = new()
                {
                    Function = e.Leaf,
                    Index = e.Subleaf ?? 0,
                    Flags = e.Subleaf is null ? 0 : Libc.KVM_CPUID_FLAG_SIGNIFCANT_INDEX,
                    Eax = e.Eax,
                    Ebx = e.Ebx,
                    Ecx = e.Ecx,
                    Edx = e.Edx,
                };
            }
        }

        return list;
    }

    /// <summary>Reads a list of MSRs' numbers: KVM_GET_MSR_INDEX_LIST, KVM_GET_MSR_FEATURE_INDEX_LIST.</summary>
    /// <exception cref="IOException">The kernel fails.</exception>
    internal static uint[] ReadIndices(SafeFileHandle device, nuint request)
    {
        // struct kvm_msr_list: a count, then numbers. With too little room it says how many there are.
        uint[] list = [0];
        for (int attempt = 0; attempt < 4; attempt++)
        {
            int result;
            fixed (uint* start = list)
            {
                result = Libc.Ioctl(device, request, start);
            }

            if (result == 0)
            {
                return list[1..(int)Math.Min(list[0] + 1ul, (ulong)list.Length)];
            }

            if (Errno.Last != Errno.E2BIG || list[0] > MostEntries)
            {
                break;
            }

            uint count = list[0];
            list = new uint[count + 1];
            list[0] = count;
        }

        throw LinuxError.Io("cannot ask KVM for its MSRs", "KVM_GET_MSR_INDEX_LIST", Errno.Last);
    }

    /// <summary>The MSRs that describe the processor, with their values.</summary>
    /// <exception cref="IOException">The kernel fails.</exception>
    internal static MsrValue[] ReadFeatures(SafeFileHandle device)
    {
        List<MsrValue> found = [];
        foreach (uint number in ReadIndices(device, Libc.KVM_GET_MSR_FEATURE_INDEX_LIST))
        {
            if (TryReadMsr(device, number, out ulong value))
            {
                found.Add(new(number, value));
            }
        }

        return [.. found];
    }

    /// <summary>Reads one MSR, of a processor or, where it describes the host's, of /dev/kvm.</summary>
    internal static bool TryReadMsr(SafeFileHandle fd, uint number, out ulong value)
    {
        OneMsr list = new() { Head = new() { Count = 1 }, Entry = new() { Index = number } };
        bool read = Libc.Ioctl(fd, Libc.KVM_GET_MSRS, &list) == 1;
        value = read ? list.Entry.Data : 0;
        return read;
    }

    /// <summary>Writes one MSR of a processor.</summary>
    internal static bool TryWriteMsr(SafeFileHandle fd, uint number, ulong value)
    {
        OneMsr list = new() { Head = new() { Count = 1 }, Entry = new() { Index = number, Data = value } };
        return Libc.Ioctl(fd, Libc.KVM_SET_MSRS, &list) == 1;
    }

    private static byte[] NewList<T>(int count)
        where T : unmanaged
    {
        byte[] list = new byte[sizeof(Libc.KvmListHead) + (count * sizeof(T))];
        Unsafe.WriteUnaligned(ref list[0], new Libc.KvmListHead { Count = (uint)count });
        return list;
    }

    private static int Count(byte* list, int room) => (int)Math.Min(((Libc.KvmListHead*)list)->Count, (uint)room);

    private struct OneMsr
    {
        internal Libc.KvmListHead Head;
        internal Libc.KvmMsrEntry Entry;
    }
}
