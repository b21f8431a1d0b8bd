# void WritePort(ushort port, byte value)
    .section .text.WritePort, "ax"
    .globl WritePort
WritePort:
    movl %edi, %edx
    movl %esi, %eax
    outb %al, %dx
    ret

# void DisableInterrupts()
    .section .text.DisableInterrupts, "ax"
    .globl DisableInterrupts
DisableInterrupts:
    cli
    ret

    .section .note.GNU-stack, "", @progbits
