# The kernel starts the root task here: rdi holds the boot information, and there is no stack.
    .section .text.start, "ax"
    .globl _start
_start:
    leaq stack_top(%rip), %rsp
    xorl %ebp, %ebp
    call RootTaskMain
    ud2

    .bss
    .balign 4096
stack:
    .skip 64 * 1024
stack_top:

    .section .note.GNU-stack, "", @progbits
