namespace Makatea.Platform.Linux.Sandboxing;

/// <summary>
/// <c>long spawn(SpawnHeader*)</c> in x86-64 machine code: clones the calling process and, in the new process, makes the system calls of
/// the steps until one replaces the program. A process that was cloned from one with threads must not run managed code (nor anything of
/// libc that takes a lock): here it runs these instructions alone, and reads nothing but the header and the steps.
/// </summary>
internal static unsafe class SpawnStub
{
    // Position-independent, touches no memory but the plan and its own stack. rbx = header, r12 = step (in the parent: the pid).
    // A test disassembles this and compares it with the comments.
    internal static ReadOnlySpan<byte> Code =>
    [
        0x53,                                     // push rbx
        0x41, 0x54,                               // push r12
        0x48, 0x89, 0xFB,                         // mov rbx,rdi
        0xB8, 0x0E, 0x00, 0x00, 0x00,             // mov eax,0Eh            ; rt_sigprocmask(SIG_BLOCK, &BlockedSignals, &SavedSignals, 8)
        0x31, 0xFF,                               // xor edi,edi
        0x48, 0x8D, 0x73, 0x08,                   // lea rsi,[rbx+8]
        0x48, 0x8D, 0x53, 0x10,                   // lea rdx,[rbx+10h]
        0x41, 0xBA, 0x08, 0x00, 0x00, 0x00,       // mov r10d,8
        0x0F, 0x05,                               // syscall
        0xB8, 0x38, 0x00, 0x00, 0x00,             // mov eax,38h            ; clone(CloneFlags, stack: 0, &ProcessDescriptor, 0, 0)
        0x48, 0x8B, 0x3B,                         // mov rdi,[rbx]
        0x31, 0xF6,                               // xor esi,esi
        0x48, 0x8D, 0x53, 0x18,                   // lea rdx,[rbx+18h]
        0x45, 0x31, 0xD2,                         // xor r10d,r10d
        0x45, 0x31, 0xC0,                         // xor r8d,r8d
        0x0F, 0x05,                               // syscall
        0x48, 0x85, 0xC0,                         // test rax,rax
        0x74, 0x22,                               // je short 5Ah           ; 0: the new process
        0x49, 0x89, 0xC4,                         // mov r12,rax
        0xB8, 0x0E, 0x00, 0x00, 0x00,             // mov eax,0Eh            ; rt_sigprocmask(SIG_SETMASK, &SavedSignals, 0, 8)
        0xBF, 0x02, 0x00, 0x00, 0x00,             // mov edi,2
        0x48, 0x8D, 0x73, 0x10,                   // lea rsi,[rbx+10h]
        0x31, 0xD2,                               // xor edx,edx
        0x41, 0xBA, 0x08, 0x00, 0x00, 0x00,       // mov r10d,8
        0x0F, 0x05,                               // syscall
        0x4C, 0x89, 0xE0,                         // mov rax,r12
        0x41, 0x5C,                               // pop r12
        0x5B,                                     // pop rbx
        0xC3,                                     // ret
        0x4C, 0x8D, 0x63, 0x40,                   // lea r12,[rbx+40h]      ; the first step
        0x4C, 0x89, 0x63, 0x20,                   // mov [rbx+20h],r12      ; Current = step
        0x49, 0x8B, 0x04, 0x24,                   // mov rax,[r12]          ; Number
        0x49, 0x8B, 0x7C, 0x24, 0x08,             // mov rdi,[r12+8]        ; Arguments
        0x49, 0x8B, 0x74, 0x24, 0x10,             // mov rsi,[r12+10h]
        0x49, 0x8B, 0x54, 0x24, 0x18,             // mov rdx,[r12+18h]
        0x4D, 0x8B, 0x54, 0x24, 0x20,             // mov r10,[r12+20h]
        0x4D, 0x8B, 0x44, 0x24, 0x28,             // mov r8,[r12+28h]
        0x4D, 0x8B, 0x4C, 0x24, 0x30,             // mov r9,[r12+30h]
        0x0F, 0x05,                               // syscall
        0x49, 0x89, 0x44, 0x24, 0x58,             // mov [r12+58h],rax      ; Result
        0x49, 0x3B, 0x44, 0x24, 0x38,             // cmp rax,[r12+38h]      ; Minimum
        0x7C, 0x13,                               // jl short 0A5h
        0x49, 0x8B, 0x4C, 0x24, 0x40,             // mov rcx,[r12+40h]      ; Patch
        0x48, 0x85, 0xC9,                         // test rcx,rcx
        0x74, 0x02,                               // je short 9Eh
        0x89, 0x01,                               // mov [rcx],eax
        0x4D, 0x03, 0x64, 0x24, 0x48,             // add r12,[r12+48h]      ; OnSuccess
        0xEB, 0xB9,                               // jmp short 5Eh
        0x49, 0x8B, 0x4C, 0x24, 0x50,             // mov rcx,[r12+50h]      ; OnFailure
        0x48, 0x85, 0xC9,                         // test rcx,rcx
        0x74, 0x05,                               // je short 0B4h
        0x49, 0x01, 0xCC,                         // add r12,rcx
        0xEB, 0xAA,                               // jmp short 5Eh
        0x4C, 0x89, 0x63, 0x28,                   // mov [rbx+28h],r12      ; Failed = step
        0xB8, 0xE7, 0x00, 0x00, 0x00,             // mov eax,0E7h           ; exit_group(127)
        0xBF, 0x7F, 0x00, 0x00, 0x00,             // mov edi,7Fh
        0x0F, 0x05,                               // syscall
        0x0F, 0x0B,                               // ud2
    ];

    private static readonly nint _entry = Load();

    /// <summary>Runs the plan.</summary>
    /// <returns>The new process's id, or a negative error number. Only the caller's process returns.</returns>
    public static long Run(SpawnHeader* header) => ((delegate* unmanaged<SpawnHeader*, long>)_entry)(header);

    private static nint Load()
    {
        nint page = Libc.MMap(0, (nuint)Code.Length, Libc.PROT_READ | Libc.PROT_WRITE, Libc.MAP_PRIVATE | Libc.MAP_ANONYMOUS, -1, 0);
        if (page == Libc.MapFailed)
        {
            throw LinuxError.Io("cannot place the process starter", "mmap", Errno.Last);
        }

        Code.CopyTo(new Span<byte>((void*)page, Code.Length));
        return Libc.MProtect(page, (nuint)Code.Length, Libc.PROT_READ | Libc.PROT_EXEC) == 0
            ? page
            : throw LinuxError.Io("cannot make the process starter executable", "mprotect", Errno.Last);
    }
}
