using System.Numerics;
using Makatea.Sel4;
using Makatea.Sel4.Image.Boards;
using Makatea.Sel4.Image.Manifests;

namespace Makatea.Imaging;

/// <summary>How much memory an image takes: what the root task makes for each component, and what the kernel and the boot loader need.</summary>
internal static class MemoryBudget
{
    /// <summary>What the kernel and the firmware have, and what goes to waste as memory comes in powers of two.</summary>
    public const ulong Reserve = 32 << 20;

    private const ulong Page = 4096;
    private const ulong StackPages = 16;
    private const ulong TablePages = 32;
    private const ulong ScheduleContext = 256;
    private const ulong SlotsBesidesMemory = 1024;

    /// <summary>Memory that starting a component takes.</summary>
    /// <param name="component">The component.</param>
    /// <param name="programs">Its program, and its layer where it has one.</param>
    /// <param name="board">The kernel.</param>
    public static ulong OfComponent(Component component, IEnumerable<ProgramImage> programs, BoardTable board)
    {
        // For each page of its memory a slot, for each four another, as the root task has it.
        ulong pages = component.Memory / Page;
        ulong table = BitOperations.RoundUpToPowerOf2(pages + (pages / 4) + SlotsBesidesMemory) << (int)board[BoardValue.SlotBits];
        ulong threads = (ulong)component.Threads + 2;
        ulong objects = threads * ((1ul << (int)board[BoardValue.TcbBits]) + ScheduleContext + (1ul << (int)board[BoardValue.ReplyBits]));
        ulong copied = programs.Aggregate(0ul, (sum, p) => sum + p.Copied);
        return component.Memory + copied + table + objects + ((StackPages + TablePages) * Page) + ComponentLayout.InfoLength;
    }

    /// <summary>Memory that all of an image takes.</summary>
    /// <param name="components">What components take.</param>
    /// <param name="regions">What they share.</param>
    /// <param name="module">Bytes of the boot module: the boot loader puts it somewhere, the kernel copies it.</param>
    public static ulong OfImage(IEnumerable<ulong> components, IEnumerable<Region> regions, long module) =>
        Reserve + (2 * (ulong)module) + components.Concat(regions.Select(r => r.Length)).Aggregate(0ul, (sum, l) => sum + l);
}
