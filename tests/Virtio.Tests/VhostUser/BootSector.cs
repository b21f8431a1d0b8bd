using System.Buffers.Binary;

namespace Makatea.Virtio.Tests;

/// <summary>
/// The smallest guest there is: a boot sector that reads sector 1, and then writes it to sector 2 with its first 32 bits counted up,
/// for ever or once.
/// <code>
///         xor ax, ax; mov ds, ax; mov es, ax; mov ss, ax; mov sp, 0x7c00
///         mov si, packet; mov ah, 0x42; int 0x13; jc fail         ; read sector 1 to 0x8000
///         mov byte [packet + 8], 2
/// again:  inc dword [0x8000]
///         mov si, packet; mov ax, 0x4300; int 0x13                ; write it to sector 2
///         jnc again                                               ; or: jc fail; mov al, 0x10; out 0xf4, al
/// fail:   mov al, 0x11; out 0xf4, al; jmp $                       ; isa-debug-exit ends QEMU with 2 * al + 1
/// packet: db 16, 0, 1, 0; dw 0x8000, 0; dq 1
/// </code>
/// </summary>
internal static class BootSector
{
    /// <summary>QEMU's exit code when the boot sector came to its end.</summary>
    public const int Succeeded = 0x21;

    public const uint FirstCount = 1000;

    public static void Install(TestDisk disk, bool forEver)
    {
        const int Packet = 0x7c00 + 0x60;
        byte[] code =
        [
            0x31, 0xc0, 0x8e, 0xd8, 0x8e, 0xc0, 0x8e, 0xd0, 0xbc, 0x00, 0x7c,
            0xbe, Packet & 0xff, Packet >> 8, 0xb4, 0x42, 0xcd, 0x13, 0x72, 0x1a,
            0xc6, 0x06, (Packet + 8) & 0xff, (Packet + 8) >> 8, 0x02,
            0x66, 0xff, 0x06, 0x00, 0x80,
            0xbe, Packet & 0xff, Packet >> 8, 0xb8, 0x00, 0x43, 0xcd, 0x13,
            .. forEver ? (byte[])[0x73, 0xf1, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90] : [0x72, 0x06, 0xb0, 0x10, 0xe6, 0xf4, 0x90, 0x90],
            0xb0, 0x11, 0xe6, 0xf4, 0xeb, 0xfe,
        ];
        disk.Bytes.Clear();
        code.CopyTo(disk.Bytes);
        byte[] packet = [16, 0, 1, 0, 0x00, 0x80, 0, 0, 1];
        packet.CopyTo(disk.Bytes[0x60..]);
        disk.Bytes[510] = 0x55;
        disk.Bytes[511] = 0xaa;
        BinaryPrimitives.WriteUInt32LittleEndian(disk.Bytes[512..], FirstCount);
        disk.Bytes[516..1024].Fill(0x5a);
    }

    /// <summary>How far the guest has counted.</summary>
    public static uint Count(TestDisk disk) => BinaryPrimitives.ReadUInt32LittleEndian(disk.Bytes[1024..]);
}
