namespace Makatea.Sel4.Image.Programs;

/// <summary>A program whose system calls reach the Linux ABI layer.</summary>
/// <param name="Bytes">The file, of the length that it had.</param>
/// <param name="Sites">The instructions that were rewritten, by address.</param>
/// <param name="OtherPairs">How often the bytes of the instruction appear in code without being one: inside of other instructions, and in data among code.</param>
public sealed record RewrittenImage(byte[] Bytes, IReadOnlyList<SystemCallSite> Sites, int OtherPairs);

/// <summary>A <c>syscall</c> instruction that was rewritten.</summary>
/// <param name="Address">Where it is.</param>
/// <param name="Function">A symbol that covers it.</param>
public readonly record struct SystemCallSite(ulong Address, string Function);
