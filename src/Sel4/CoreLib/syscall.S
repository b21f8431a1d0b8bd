# void Sel4Trap(Registers *registers): one system call of the kernel, by `syscall` (KernelX86Syscall=syscall). The kernel loses the stack pointer on the way,
# so it is kept in rbx from Sel4TrapEntry to Sel4TrapExit.
#
# Registers, 8 bytes each: number, capability or badge, message info, four message registers, reply capability.
    .section .text.Sel4Trap, "ax"
    .globl Sel4Trap
Sel4Trap:
    pushq %rbx
    pushq %rbp
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rdi, %r13
    movq 0(%r13), %rdx
    movq 16(%r13), %rsi
    movq 24(%r13), %r10
    movq 32(%r13), %r8
    movq 40(%r13), %r9
    movq 48(%r13), %r15
    movq 56(%r13), %r12
    movq 8(%r13), %rdi
    movq %rsp, %rbx
    .globl Sel4TrapEntry
Sel4TrapEntry:
    syscall
    .globl Sel4TrapExit
Sel4TrapExit:
    movq %rbx, %rsp
    movq %rdi, 8(%r13)
    movq %rsi, 16(%r13)
    movq %r10, 24(%r13)
    movq %r8, 32(%r13)
    movq %r9, 40(%r13)
    movq %r15, 48(%r13)
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbp
    popq %rbx
    ret

    .section .note.GNU-stack, "", @progbits
