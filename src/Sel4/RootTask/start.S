# The kernel starts the root task here: rdi holds the boot information, and there is no stack.
    .section .text.start, "ax"
    .globl _start
_start:
    leaq stack_top(%rip), %rsp
    xorl %ebp, %ebp
    call RootTaskMain
    ud2

# The root task's clock starts here: it has a stack of its own.
#
# ulong ClockEntry(): the address. ulong ClockStack(): the end of the stack, as for a function that was called from nowhere.
    .section .text.clock, "ax"
clock_start:
    jmp RootTaskClock

    .globl ClockEntry
ClockEntry:
    leaq clock_start(%rip), %rax
    ret

    .globl ClockStack
ClockStack:
    leaq clock_stack_top - 8(%rip), %rax
    ret

    .bss
    .balign 16
    .skip 4096
clock_stack_top:
    .balign 4096
stack:
    .skip 64 * 1024
stack_top:

    .section .note.GNU-stack, "", @progbits
