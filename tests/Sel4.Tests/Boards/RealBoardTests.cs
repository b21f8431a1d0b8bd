using Makatea.Sel4.Image.Boards;

namespace Makatea.Sel4.Tests.Boards;

/// <summary>On the board folders of an SDK, where there are some.</summary>
public sealed class RealBoardTests
{
    [SkippableFact]
    public void The_board_fits()
    {
        BoardTable table = BoardFolder.Open(RealBoard.Path).Table;
        AssertPlausible(table);
    }

    [SkippableFact]
    public void The_board_with_VT_x_fits_and_has_its_objects()
    {
        BoardTable table = BoardFolder.Open(RealBoard.VtxPath).Table;
        AssertPlausible(table);
        Assert.Equal(table[BoardValue.ObjectIOPageTable] + 1, table[BoardValue.ObjectVcpu]);
        Assert.Equal(table[BoardValue.ObjectVcpu] + 4, table[BoardValue.ObjectEptPt]);
        Assert.InRange(unchecked((long)table[BoardValue.SysVMEnter]), -100, -1);
        ulong[] labels = table.Values[((int)BoardValue.SysVMEnter + 1)..].ToArray();
        Assert.All(labels, l => Assert.InRange(l, 1ul, 200ul));
        Assert.Equal(labels.Length, labels.Distinct().Count());
    }

    /// <summary>The SDK's root holds many boards; which one is meant is asked.</summary>
    [SkippableFact]
    public void A_folder_of_several_boards_is_refused()
    {
        string boards = Path.GetFullPath(Path.Combine(RealBoard.Path, "../.."));
        Skip.If(Directory.GetDirectories(boards).Length < 2, $"{boards} holds one board alone");
        Assert.Contains(BoardFolder.Inspect(boards).Problems, p => p.Subject == "sel4_32.elf" && p.Found.StartsWith("there ", StringComparison.Ordinal));
    }

    private static void AssertPlausible(BoardTable table)
    {
        ulong[] calls = table.Values[..(int)BoardValue.SysDebugPutChar].ToArray();
        Assert.All(calls, c => Assert.InRange(unchecked((long)c), -100, -1));
        Assert.Equal(calls.Length, calls.Distinct().Count());
        ulong[] labels = table.Values[(int)BoardValue.UntypedRetype..(int)BoardValue.ObjectUntyped].ToArray();
        Assert.All(labels, l => Assert.InRange(l, 1ul, 200ul));
        Assert.Equal(labels.Length, labels.Distinct().Count());
        ulong[] types = [.. table.Values[(int)BoardValue.ObjectUntyped..(int)BoardValue.TcbBits].ToArray().Where(t => t != BoardTable.NoObject)];
        Assert.Equal(Enumerable.Range(0, types.Length).Select(i => (ulong)i), types.Order());
        Assert.InRange(table[BoardValue.TcbBits], 11ul, 12ul);
        Assert.InRange(table[BoardValue.RootCNodeBits], 17ul, 30ul);
    }
}
