# What no component may do: each faults where it stands.
    .text

    .globl AttackReadPort
AttackReadPort:
    movl %edi, %edx
    xorl %eax, %eax
    inb %dx, %al
    ret

    .globl AttackWritePort
AttackWritePort:
    movl %edi, %edx
    movl %esi, %eax
    outl %eax, %dx
    ret

    .globl AttackHalt
AttackHalt:
    cli
    hlt
    ret

    .globl AttackReadMsr
AttackReadMsr:
    movl $0x1b, %ecx
    rdmsr
    ret

    .globl AttackWritePageTables
AttackWritePageTables:
    movq %rdi, %cr3
    ret

    .globl AttackInterrupt
AttackInterrupt:
    int $0x21
    ret

    .globl AttackSystemCall
AttackSystemCall:
    int $0xc0
    ret

    .section .note.GNU-stack, "", @progbits
