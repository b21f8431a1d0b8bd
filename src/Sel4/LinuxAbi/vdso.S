# What the layer shows as Linux's vDSO: a shared object with two symbols, read by the C library to find routines that read clocks without a system call. It lies where it is linked, so its addresses
# are what they say; nothing of it is versioned. The routines are C# (Time/Clock.cs).
    .section .rodata.vdso, "a"
    .balign 4096
    .globl vdso_start
vdso_start:
    # Elf64_Ehdr
    .byte 0x7f, 'E', 'L', 'F', 2, 1, 1, 0
    .quad 0
    .word 3, 62
    .long 1
    .quad 0
    .quad program_headers - vdso_start
    .quad 0
    .long 0
    .word 64, 56, 2, 64, 0, 0

program_headers:
    # PT_LOAD
    .long 1, 5
    .quad 0, vdso_start, vdso_start, vdso_end - vdso_start, vdso_end - vdso_start, 4096
    # PT_DYNAMIC
    .long 2, 4
    .quad dynamic - vdso_start, dynamic, dynamic, dynamic_end - dynamic, dynamic_end - dynamic, 8

dynamic:
    .quad 4, hashes                 # DT_HASH
    .quad 5, names                  # DT_STRTAB
    .quad 6, symbols                # DT_SYMTAB
    .quad 10, names_end - names     # DT_STRSZ
    .quad 11, 24                    # DT_SYMENT
    .quad 14, soname - names        # DT_SONAME
    .quad 0, 0
dynamic_end:

    # One bucket, in which all symbols are.
hashes:
    .long 1, 3, 1, 0, 2, 0

symbols:
    .zero 24
    .long name_clock_gettime - names
    .byte 0x12, 0
    .word 1
    .quad VdsoClockGettime, 16
    .long name_gettimeofday - names
    .byte 0x12, 0
    .word 1
    .quad VdsoGettimeofday, 16

names:
    .byte 0
soname:
    .asciz "linux-vdso.so.1"
name_clock_gettime:
    .asciz "__vdso_clock_gettime"
name_gettimeofday:
    .asciz "__vdso_gettimeofday"
names_end:
vdso_end:

    .section .note.GNU-stack, "", @progbits
