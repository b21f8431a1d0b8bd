using Makatea.Sel4.Image;
using Makatea.Sel4.Image.Boards;

namespace Makatea.Sel4.Tests.Boards;

public sealed class BoardFolderTests : IDisposable
{
    private readonly TestBoard _board = new();

    [Fact]
    public void Values_come_from_the_folder()
    {
        BoardTable table = BoardFolder.Open(_board.Path).Table;
        Assert.Equal(unchecked((ulong)-3), table[BoardValue.SysCall]);
        Assert.Equal(unchecked((ulong)-9), table[BoardValue.SysNBSendWait]);
        Assert.Equal(unchecked((ulong)-25), table[BoardValue.SysDebugPutChar]);
        foreach ((string name, int label) in _board.Labels)
        {
            Assert.Equal((ulong)label, table[Enum.Parse<BoardValue>(name)]);
        }

        ulong[] types = [0, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];
        Assert.Equal(types, table.Values[(int)BoardValue.ObjectUntyped..((int)BoardValue.ObjectIOPageTable + 1)].ToArray());
        Assert.All(table.Values[(int)BoardValue.ObjectVcpu..((int)BoardValue.ObjectEptPt + 1)].ToArray(), t => Assert.Equal(BoardTable.NoObject, t));
        ulong[] sizes = [12, 14, 4, 6, 5, 5, 7, 18, 832, 7, 48, 109, 5];
        Assert.Equal(sizes, table.Values[(int)BoardValue.TcbBits..(int)BoardValue.SysVMEnter].ToArray());
        Assert.All(table.Values[(int)BoardValue.SysVMEnter..].ToArray(), v => Assert.Equal(0ul, v));
    }

    [Fact]
    public void Types_of_objects_move_with_the_configuration()
    {
        _board.Options["HUGE_PAGE"] = false;
        _board.Options["VTX"] = true;
        _board.Save();
        BoardTable table = BoardFolder.Open(_board.Path).Table;
        Assert.Equal(BoardTable.NoObject, table[BoardValue.ObjectHugePage]);
        Assert.Equal(10ul, table[BoardValue.ObjectPage]);
        Assert.Equal(15ul, table[BoardValue.ObjectVcpu]);
        Assert.Equal(19ul, table[BoardValue.ObjectEptPt]);
    }

    [Fact]
    public void A_kernel_that_does_not_print_has_no_call_for_it()
    {
        _board.Options["PRINTING"] = false;
        _board.Save();
        Assert.Equal(0ul, BoardFolder.Open(_board.Path).Table[BoardValue.SysDebugPutChar]);
    }

    [Fact]
    public void A_kernel_that_keeps_state_by_FXSAVE_keeps_512_bytes()
    {
        _board.Options["XSAVE"] = false;
        _board.Options["FXSAVE"] = true;
        _board.Save();
        BoardTable table = BoardFolder.Open(_board.Path).Table;
        Assert.Equal((512ul, 3ul), (table[BoardValue.XSaveSize], table[BoardValue.XSaveFeatures]));
    }

    [Theory]
    [InlineData("KERNEL_MCS", false, "KERNEL_MCS is false, needed is true")]
    [InlineData("ARCH_X86_64", false, "ARCH_X86_64 is false, needed is true")]
    [InlineData("SYSCALL", false, "SYSCALL is false, needed is true")]
    [InlineData("IOMMU", null, "IOMMU is absent, needed is true")]
    [InlineData("SUPPORT_PCID", true, "SUPPORT_PCID is true, needed is false")]
    [InlineData("IRQ_IOAPIC", false, "IRQ_IOAPIC is false, needed is true")]
    [InlineData("MULTIBOOT1_HEADER", false, "MULTIBOOT1_HEADER is false, needed is true")]
    [InlineData("ROOT_CNODE_SIZE_BITS", "16", "ROOT_CNODE_SIZE_BITS is 16, needed is 17 or more")]
    [InlineData("MAX_NUM_NODES", "4", "MAX_NUM_NODES is 4, needed is 1: kernels for several processors (SMP) are not supported yet")]
    [InlineData("MAX_NUM_NODES", "many", "MAX_NUM_NODES is many, needed is 1")]
    [InlineData("XSAVE_FEATURE_SET", "1", "XSAVE_FEATURE_SET is 1, needed is 3 or more")]
    public void What_Makatea_cannot_work_with_is_refused_by_name(string option, object? value, string expected)
    {
        Change(option, value);
        Assert.False(BoardFolder.Inspect(_board.Path).Fits);
        string message = Assert.Throws<ImageException>(() => BoardFolder.Open(_board.Path)).Message;
        Assert.StartsWith($"the kernel in {_board.Path} does not fit:\n", message, StringComparison.Ordinal);
        Assert.Contains(expected, message, StringComparison.Ordinal);
    }

    [Fact]
    public void All_problems_are_said_at_once()
    {
        Change("KERNEL_MCS", false);
        Change("SUPPORT_PCID", true);
        _board.Labels.Remove("CNodeMint");
        _board.Labels.Remove("TCBResume");
        _board.Write("invocations_all.json", System.Text.Json.JsonSerializer.Serialize(_board.Labels));
        _board.Remove("elf/sel4_32.elf");
        string problems = string.Join('\n', BoardFolder.Inspect(_board.Path).Problems);
        foreach (string expected in new[] { "sel4_32.elf is missing", "KERNEL_MCS", "SUPPORT_PCID", "no CNodeMint", "no TCBResume", "no seL4_ReplyObject" })
        {
            Assert.Contains(expected, problems, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("invocations_all.json", "[1]", "no list of numbered invocations")]
    [InlineData("invocations_all.json", """{"UntypedRetype": -1}""", "no list of numbered invocations")]
    [InlineData("include/kernel/gen_config.json", "[]", "is a JSON Array")]
    [InlineData("include/kernel/gen_config.json", "{", "is no JSON")]
    [InlineData("include/kernel/gen_config.json", """{"KERNEL_MCS": {}}""", "KERNEL_MCS is a JSON Object")]
    [InlineData("include/sel4/syscall.h", "#if 1\n", "an #if is not closed")]
    [InlineData("include/sel4/syscall.h", "#endif\n", "without its #if")]
    [InlineData("include/sel4/syscall.h", "#if (1 + \n#endif", "cannot evaluate")]
    [InlineData("include/sel4/syscall.h", "", "no seL4_SysCall")]
    [InlineData("include/sel4/constants.h", "#define seL4_SlotBits seL4_SlotBits\n", "seL4_SlotBits is defined by itself")]
    [InlineData("include/sel4/constants.h", "#define seL4_SlotBits A\n#define A nothing\n", "no header says what nothing is")]
    [InlineData("include/sel4/constants.h", "#define seL4_SlotBits 5 5\n", "cannot evaluate '5 5'")]
    [InlineData("include/sel4/objecttype.h", "enum { seL4_UntypedObject = seL4_TCBObject, seL4_TCBObject = seL4_UntypedObject };", "is defined by itself")]
    [InlineData("include/sel4/objecttype.h", "enum { seL4_UntypedObject = 1, MACRO(x), seL4_TCBObject, };", "no header says what MACRO is")]
    [InlineData("elf/sel4_32.elf", "not an image of any sort", "sel4_32.elf is something else")]
    [InlineData("elf/other/sel4_32.elf", "", "sel4_32.elf is there 2 times (elf/other/sel4_32.elf, elf/sel4_32.elf)")]
    [InlineData("other/include/kernel/gen_config.json", "{}", "name the folder of one board and configuration")]
    public void A_broken_folder_is_described(string file, string contents, string expected)
    {
        _board.Write(file, contents);
        Assert.Contains(BoardFolder.Inspect(_board.Path).Problems, p => p.ToString().Contains(expected, StringComparison.Ordinal));
    }

    [Fact]
    public void Deep_nesting_is_refused()
    {
        _board.Write("include/sel4/constants.h", $"#define seL4_SlotBits {new string('(', 100_000)}1{new string(')', 100_000)}\n");
        Assert.Contains(BoardFolder.Inspect(_board.Path).Problems, p => p.Reason.StartsWith("cannot evaluate", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("elf/sel4_32.elf")]
    [InlineData("invocations_all.json")]
    [InlineData("include/kernel/gen_config.json")]
    [InlineData("include/sel4/syscall.h")]
    public void A_file_that_is_missing_is_named(string file)
    {
        _board.Remove(file);
        Assert.Contains(BoardFolder.Inspect(_board.Path).Problems, p => file.EndsWith(p.Subject, StringComparison.Ordinal) && p.Found == "missing");
    }

    [Fact]
    public void A_folder_that_is_not_there_is_said() =>
        Assert.Contains("found no folder", Assert.Throws<ImageException>(() => BoardFolder.Inspect("/nonexistent/board")).Message, StringComparison.Ordinal);

    public void Dispose() => _board.Dispose();

    private void Change(string option, object? value)
    {
        if (value is null)
        {
            _board.Options.Remove(option);
        }
        else
        {
            _board.Options[option] = value;
        }

        _board.Save();
    }
}
