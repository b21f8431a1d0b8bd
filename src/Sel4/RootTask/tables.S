# Memory for the root task's tables, which has no other: it allocates nothing.
#
# void *RootTaskTables(): zeroed, ROOT_TASK_TABLES bytes.
    .set ROOT_TASK_TABLES, 1 << 20

    .section .text.RootTaskTables, "ax"
    .globl RootTaskTables
RootTaskTables:
    leaq tables(%rip), %rax
    ret

    .bss
    .balign 4096
tables:
    .skip ROOT_TASK_TABLES

    .section .note.GNU-stack, "", @progbits
