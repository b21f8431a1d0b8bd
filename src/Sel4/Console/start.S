# The root task starts the console here: rdi holds what it is told, and there is a stack, as a function's that was called from nowhere.
    .section .text.start, "ax"
    .globl _start
_start:
    xorl %ebp, %ebp
    jmp ConsoleMain

    .section .note.GNU-stack, "", @progbits
