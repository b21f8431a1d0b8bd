namespace Makatea.Vmm;

/// <summary>Why the VMM does not do an instruction in the guest's stead. The guest is stopped: going on would be a guess.</summary>
/// <param name="Reason">What is the matter with it.</param>
/// <param name="InstructionPointer">RIP.</param>
/// <param name="GuestAddress">The guest-physical address whose access made the exit.</param>
/// <param name="Bytes">The instruction's bytes as far as they can be read, in hexadecimal.</param>
/// <param name="Text">The instruction in Intel's syntax, or "(bad)".</param>
public sealed record RefusedInstruction(string Reason, ulong InstructionPointer, ulong GuestAddress, string Bytes, string Text)
{
    /// <inheritdoc/>
    public override string ToString() =>
        $"the instruction at 0x{InstructionPointer:x} touches 0x{GuestAddress:x} and {Reason}: {Text} ({Bytes}). What is done for guests at device addresses: mov, movzx, movsx, movsxd, movbe, movnti, movdiri, movs, stos, lods";
}
