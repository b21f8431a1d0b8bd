# ulong ReadTicks(): the time-stamp counter.
    .section .text.ReadTicks, "ax"
    .globl ReadTicks
ReadTicks:
    rdtsc
    shlq $32, %rdx
    orq %rdx, %rax
    ret

    .section .note.GNU-stack, "", @progbits
