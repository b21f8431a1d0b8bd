# void *TrialMemory(): 64 KiB of zeroes.
    .section .text.TrialMemory, "ax"
    .globl TrialMemory
TrialMemory:
    leaq memory(%rip), %rax
    ret

    .bss
    .balign 4096
memory:
    .skip 64 * 1024

    .section .note.GNU-stack, "", @progbits
