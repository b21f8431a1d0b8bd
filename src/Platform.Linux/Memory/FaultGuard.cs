using System.Runtime.InteropServices;

namespace Makatea.Platform.Linux;

/// <summary>
/// Keeps the process alive when memory that is shared with a peer is taken away: the peer truncated the file behind it, its file
/// system is full, its huge pages ran out, or the machine found the memory bad. The kernel answers the next access with SIGBUS,
/// which .NET can only die of. Here the handler finds the range in a table, puts zeroes in its place, marks it lost and lets the access happen again.
/// </summary>
/// <remarks>
/// The table is read by the handler without a lock (see <see cref="FaultGuardCode"/>) and written under one. It lives as long as the process.
/// System calls on lost memory fail with EFAULT instead, without marking it.
/// </remarks>
internal static unsafe class FaultGuard
{
    /// <summary>Ranges that can be guarded at once.</summary>
    internal const int Capacity = 4096;

    private static readonly Lock _tableLock = new();
    private static FaultGuardEntry* _table;
    private static int _firstUnused;
    private static readonly Stack<int> _freeEntries = new();

    /// <summary>Whether there is a handler for this processor.</summary>
    internal static bool IsSupported => RuntimeInformation.ProcessArchitecture == Architecture.X64;

    /// <summary>Installs the handler, once. To be done before a sandbox forbids executable memory.</summary>
    /// <exception cref="IOException">The host refuses.</exception>
    internal static void Install()
    {
        if (!IsSupported)
        {
            return;
        }

        lock (_tableLock)
        {
            if (_table is null)
            {
                FaultGuardEntry* table = (FaultGuardEntry*)MapAnonymous((nuint)(Capacity * sizeof(FaultGuardEntry)));
                InstallHandler(table, CurrentHandler());
                _table = table;
            }
        }
    }

    /// <summary>As if no handler had been there before.</summary>
    internal static void InstallWithoutPrevious()
    {
        _table = (FaultGuardEntry*)MapAnonymous((nuint)(Capacity * sizeof(FaultGuardEntry)));
        InstallHandler(_table, default);
    }

    /// <summary>Guards a range of whole pages that is mapped already.</summary>
    /// <param name="start">First address.</param>
    /// <param name="length">Length in bytes.</param>
    /// <param name="protection">Of the memory that takes its place.</param>
    /// <exception cref="GrantException">The table is full.</exception>
    internal static FaultGuardEntry* Register(nint start, nuint length, int protection)
    {
        Install();
        lock (_tableLock)
        {
            if (!_freeEntries.TryPop(out int index))
            {
                index = _firstUnused < Capacity
                    ? _firstUnused++
                    : throw new GrantException($"this process maps {Capacity} pieces of shared memory already, the most that it can guard; serve fewer peers in it");
            }

            FaultGuardEntry* entry = _table + index;
            entry->Start = (ulong)start;
            entry->Protection = protection;
            entry->Lost = 0;
            Volatile.Write(ref entry->End, (ulong)start + length);
            return entry;
        }
    }

    /// <summary>Guards a range no more. To be done before it is unmapped, when nobody uses it.</summary>
    internal static void Unregister(FaultGuardEntry* entry)
    {
        lock (_tableLock)
        {
            Volatile.Write(ref entry->End, 0);
            _freeEntries.Push((int)(entry - _table));
        }
    }

    private static Libc.SignalAction CurrentHandler()
    {
        Libc.SignalAction current;
        Check(Libc.SigAction(Libc.SIGBUS, null, &current), "sigaction");
        return current;
    }

    private static void InstallHandler(FaultGuardEntry* table, Libc.SignalAction previous)
    {
        byte* code = (byte*)MapAnonymous(FaultGuardCode.Length);
        FaultGuardCode.Instructions.CopyTo(new Span<byte>(code, FaultGuardCode.Length));
        *(FaultGuardEntry**)(code + FaultGuardCode.TableOffset) = table;
        *(FaultGuardEntry**)(code + FaultGuardCode.TableEndOffset) = table + Capacity;
        *(nint*)(code + FaultGuardCode.PreviousOffset) = previous.Handler;
        Check(Libc.MProtect((nint)code, FaultGuardCode.Length, Libc.PROT_READ | Libc.PROT_EXEC), "mprotect");

        // With the flags and mask of the handler before, so that it finds what it expects when it is jumped to: .NET takes the alternate
        // stack for a sign that the stack overflowed, and wants SIGBUS on the thread's own.
        Libc.SignalAction action = previous;
        action.Handler = (nint)code;
        action.Flags = Libc.SA_SIGINFO | (previous.Handler > Libc.SIG_IGN ? previous.Flags : Libc.SA_ONSTACK | Libc.SA_RESTART);
        Check(Libc.SigAction(Libc.SIGBUS, &action, null), "sigaction");
    }

    private static nint MapAnonymous(nuint length)
    {
        nint address = Libc.MMap(0, length, Libc.PROT_READ | Libc.PROT_WRITE, Libc.MAP_PRIVATE | Libc.MAP_ANONYMOUS, -1, 0);
        Check(address == Libc.MapFailed ? -1 : 0, "mmap");
        return address;
    }

    private static void Check(int result, string call)
    {
        if (result < 0)
        {
            throw LinuxError.Io("cannot install the guard for shared memory", call, Errno.Last);
        }
    }
}
