namespace Makatea.Sel4;

/// <summary>The kernel's numbers, as the image builder took them from the board folder.</summary>
internal static unsafe class Board
{
    private static long* s_values;

    /// <summary>Says where the table is: <see cref="BoardValue.Count"/> values.</summary>
    internal static void Use(long* values) => s_values = values;

    /// <summary>A value; negative ones are those of system calls.</summary>
    internal static ulong Get(BoardValue value) => (ulong)s_values[(int)value];
}
