# The layer's own routines that are no C#.

# The root task starts the layer's thread here, with a stack: rdi holds what it is told.
    .section .text.start, "ax"
    .globl _start
_start:
    xorl %ebp, %ebp
    andq $-16, %rsp
    call LayerMain
    ud2

# The thread that tells the time starts here.
ticker_entry:
    xorl %ebp, %ebp
    andq $-16, %rsp
    call TickerMain
    ud2

# A thread starts here to run a signal's handler: rax holds that, rdi, rsi and rdx its arguments, rbx the frame, r12 room for the floating-point state. The rest of its
# registers are in the frame already. Then rt_sigreturn, which is answered by the registers in the frame.
    .section .text.signal, "ax"
signal_entry:
    fxsave64 (%r12)
    call *%rax
    fxrstor64 (%r12)
    movl $15, %eax
    int $0xc0
    ud2

# The same where the kernel keeps more state than fxsave does: r13 holds which.
signal_entry_extended:
    movq %rax, %r14
    movq %rdx, %r15
    movl %r13d, %eax
    xorl %edx, %edx
    xsave64 (%r12)
    movq %r15, %rdx
    call *%r14
    movl %r13d, %eax
    xorl %edx, %edx
    xrstor64 (%r12)
    movl $15, %eax
    int $0xc0
    ud2

# ulong LayerRandom(): RDRAND, tried as often as its maker says; 0 where the processor has none.
    .section .text.LayerRandom, "ax"
    .globl LayerRandom
LayerRandom:
    pushq %rbx
    movl $1, %eax
    cpuid
    popq %rbx
    btl $30, %ecx
    jnc 2f
    movl $10, %ecx
1:  rdrand %rax
    jc 3f
    decl %ecx
    jnz 1b
2:  xorl %eax, %eax
3:  ret

# void LayerClear(ulong address, ulong length)
    .section .text.LayerClear, "ax"
    .globl LayerClear
LayerClear:
    movq %rsi, %rcx
    shrq $3, %rcx
    xorl %eax, %eax
    rep stosq
    ret

# void LayerCopy(byte *target, byte *source, ulong length)
    .section .text.LayerCopy, "ax"
    .globl LayerCopy
LayerCopy:
    movq %rdx, %rcx
    rep movsb
    ret

    .macro address_of name, label
    .section .text.\name, "ax"
    .globl \name
\name:
    leaq \label(%rip), %rax
    ret
    .endm

    address_of AddressOfSignalEntry, signal_entry
    address_of AddressOfExtendedSignalEntry, signal_entry_extended
    address_of AddressOfTicker, ticker_entry
    address_of AddressOfVdso, vdso_start
    address_of AddressOfKernelRoutine, Sel4Trap
    address_of AddressOfKernelEntry, Sel4TrapEntry
    address_of AddressOfKernelExit, Sel4TrapExit

    .section .note.GNU-stack, "", @progbits
