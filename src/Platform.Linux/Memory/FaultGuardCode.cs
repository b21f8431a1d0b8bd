namespace Makatea.Platform.Linux;

/// <summary>
/// The SIGBUS handler of <see cref="FaultGuard"/> as x86-64 machine code. It is not compiled from C# because managed code must not
/// run in the middle of a fault of managed code. It may run on any thread at any instruction, so it takes no lock, calls nothing and
/// uses only registers, 32 bytes of stack and three system calls. It is position independent: its variables follow it.
/// </summary>
/// <remarks>
/// A handler gets the signal's number in edi, a <c>siginfo_t</c> in rsi (si_code at 8, si_addr at 16) and a <c>ucontext_t</c> in rdx. The kernel
/// restores every register afterwards, so any may be used; a handler that is jumped to must find these three as they were.
/// </remarks>
internal static class FaultGuardCode
{
    /// <summary>Where the variable with the address of the table starts in the code.</summary>
    internal const int TableOffset = 0xd0;

    /// <summary>Where the variable with the address behind the table's last entry starts.</summary>
    internal const int TableEndOffset = 0xd8;

    /// <summary>Where the variable with the handler that was installed before starts: an address, 0 for SIG_DFL or 1 for SIG_IGN.</summary>
    internal const int PreviousOffset = 0xe0;

    /// <summary>Where the 32 zero bytes are that name SIG_DFL to rt_sigaction.</summary>
    internal const int DefaultActionOffset = 0xe8;

    /// <summary>Length of code and variables in bytes.</summary>
    internal const int Length = 0x108;

    /// <summary>The instructions; the variables come after them.</summary>
    internal static ReadOnlySpan<byte> Instructions =>
    [
        // Only faults that the kernel found in memory concern us: BUS_ADRERR (2), BUS_OBJERR (3), BUS_MCEERR_AR (4). A SIGBUS sent by
        // kill(2) has another si_code, and no address.
        0xf3, 0x0f, 0x1e, 0xfa,                         // 00 endbr64
        0x8b, 0x46, 0x08,                               // 04 mov eax,[rsi+8]
        0x83, 0xe8, 0x02,                               // 07 sub eax,2
        0x83, 0xf8, 0x02,                               // 0a cmp eax,2
        0x77, 0x6e,                                     // 0d ja 7Dh
        0x48, 0x8b, 0x46, 0x10,                         // 0f mov rax,[rsi+10h]
        0x4c, 0x8b, 0x05, 0xb6, 0x00, 0x00, 0x00,       // 13 mov r8,[0D0h]
        0x4c, 0x8b, 0x0d, 0xb7, 0x00, 0x00, 0x00,       // 1a mov r9,[0D8h]

        // Look the address up. A free entry ends at 0, so nothing is below its end. An entry is published by its end and withdrawn by
        // it, so one whose end is still the same after everything was read was read whole.
        0x4d, 0x39, 0xc8,                               // 21 cmp r8,r9
        0x73, 0x57,                                     // 24 jae 7Dh
        0x4d, 0x8b, 0x58, 0x08,                         // 26 mov r11,[r8+8]
        0x4c, 0x39, 0xd8,                               // 2a cmp rax,r11
        0x73, 0x12,                                     // 2d jae 41h
        0x4d, 0x8b, 0x10,                               // 2f mov r10,[r8]
        0x4c, 0x39, 0xd0,                               // 32 cmp rax,r10
        0x72, 0x0a,                                     // 35 jb 41h
        0x41, 0x8b, 0x48, 0x10,                         // 37 mov ecx,[r8+10h]
        0x4d, 0x3b, 0x58, 0x08,                         // 3b cmp r11,[r8+8]
        0x74, 0x06,                                     // 3f je 47h
        0x49, 0x83, 0xc0, 0x20,                         // 41 add r8,20h
        0xeb, 0xda,                                     // 45 jmp 21h

        // Ours: say so, and put zeroes of our own in the place of the whole range:
        // mmap(start, end - start, protection, MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0).
        0x41, 0xc7, 0x40, 0x14, 0x01, 0x00, 0x00, 0x00, // 47 mov dword ptr [r8+14h],1
        0x57,                                           // 4f push rdi
        0x56,                                           // 50 push rsi
        0x52,                                           // 51 push rdx
        0x4c, 0x89, 0xd7,                               // 52 mov rdi,r10
        0x4c, 0x89, 0xde,                               // 55 mov rsi,r11
        0x4c, 0x29, 0xd6,                               // 58 sub rsi,r10
        0x89, 0xca,                                     // 5b mov edx,ecx
        0x41, 0xba, 0x32, 0x40, 0x00, 0x00,             // 5d mov r10d,4032h
        0x49, 0x83, 0xc8, 0xff,                         // 63 or r8,0FFFFFFFFFFFFFFFFh
        0x45, 0x31, 0xc9,                               // 67 xor r9d,r9d
        0xb8, 0x09, 0x00, 0x00, 0x00,                   // 6a mov eax,9
        0x0f, 0x05,                                     // 6f syscall
        0x5a,                                           // 71 pop rdx
        0x5e,                                           // 72 pop rsi
        0x5f,                                           // 73 pop rdi
        0x48, 0x3d, 0x01, 0xf0, 0xff, 0xff,             // 74 cmp rax,0FFFFFFFFFFFFF001h
        0x73, 0x01,                                     // 7a jae 7Dh
        0xc3,                                           // 7c ret

        // Not ours, or it cannot be helped: on to the handler that was there before, as if it had been called at once.
        0x48, 0x8b, 0x05, 0x5c, 0x00, 0x00, 0x00,       // 7d mov rax,[0E0h]
        0x48, 0x83, 0xf8, 0x01,                         // 84 cmp rax,1
        0x76, 0x02,                                     // 88 jbe 8Ch
        0xff, 0xe0,                                     // 8a jmp rax

        // There was none: rt_sigaction(signal, SIG_DFL, 0, 8), then tgkill(getpid(), gettid(), signal), which takes effect on return.
        0x57,                                           // 8c push rdi
        0x48, 0x8d, 0x35, 0x54, 0x00, 0x00, 0x00,       // 8d lea rsi,[0E8h]
        0x31, 0xd2,                                     // 94 xor edx,edx
        0x41, 0xba, 0x08, 0x00, 0x00, 0x00,             // 96 mov r10d,8
        0xb8, 0x0d, 0x00, 0x00, 0x00,                   // 9c mov eax,0Dh
        0x0f, 0x05,                                     // a1 syscall
        0xb8, 0x27, 0x00, 0x00, 0x00,                   // a3 mov eax,27h
        0x0f, 0x05,                                     // a8 syscall
        0x41, 0x89, 0xc0,                               // aa mov r8d,eax
        0xb8, 0xba, 0x00, 0x00, 0x00,                   // ad mov eax,0BAh
        0x0f, 0x05,                                     // b2 syscall
        0x44, 0x89, 0xc7,                               // b4 mov edi,r8d
        0x89, 0xc6,                                     // b7 mov esi,eax
        0x5a,                                           // b9 pop rdx
        0xb8, 0xea, 0x00, 0x00, 0x00,                   // ba mov eax,0EAh
        0x0f, 0x05,                                     // bf syscall
        0xc3,                                           // c1 ret
    ];
}
