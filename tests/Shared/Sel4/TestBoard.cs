using System.Text;
using System.Text.Json;

namespace Makatea.Sel4.Tests.Boards;

/// <summary>A board folder made for a test: of no kernel that there is, so that nothing passes by knowing one.</summary>
internal sealed class TestBoard : IDisposable
{
    private const int FirstLabel = 40;

    private readonly string _directory = Directory.CreateTempSubdirectory("makatea-board-").FullName;

    public TestBoard()
    {
        Write("elf/sel4_32.elf", ElfHeader(1, 3));
        Write("elf/sel4.elf", ElfHeader(2, 62));
        Write("include/sel4/syscall.h", SystemCalls);
        Write("include/sel4/objecttype.h", ObjectTypes);
        Write("include/sel4/sel4_arch/objecttype.h", ModeObjectTypes);
        Write("include/sel4/arch/objecttype.h", ArchObjectTypes);
        Write("include/sel4/constants.h", Constants);
        Write("include/sel4/gen_config.json", """{ "LIB_SEL4_INLINE_INVOCATIONS": true }""");
        Write("invocations_all.json", JsonSerializer.Serialize(Labels));
        Save();
    }

    public string Path => _directory;

    /// <summary>Options, as strings or booleans. <see cref="Save"/> writes them.</summary>
    public Dictionary<string, object> Options { get; } = new()
    {
        ["ARCH_X86_64"] = true,
        ["KERNEL_MCS"] = true,
        ["SYSCALL"] = true,
        ["IOMMU"] = true,
        ["SUPPORT_PCID"] = false,
        ["IRQ_IOAPIC"] = true,
        ["MULTIBOOT1_HEADER"] = true,
        ["ROOT_CNODE_SIZE_BITS"] = "18",
        ["MAX_NUM_NODES"] = "1",
        ["XSAVE"] = true,
        ["XSAVE_FEATURE_SET"] = "7",
        ["XSAVE_SIZE"] = "832",
        ["HUGE_PAGE"] = true,
        ["PRINTING"] = true,
    };

    /// <summary>Labels, each another.</summary>
    public Dictionary<string, int> Labels { get; } = Enumerable.Range((int)BoardValue.UntypedRetype, BoardValue.X86IRQIssueIRQHandlerMSI - BoardValue.UntypedRetype + 1)
        .ToDictionary(v => ((BoardValue)v).ToString(), v => v + FirstLabel);

    public void Save() => Write("include/kernel/gen_config.json", JsonSerializer.Serialize(Options));

    public void Write(string name, string contents) => Write(name, Encoding.UTF8.GetBytes(contents));

    public void Write(string name, byte[] contents)
    {
        string path = System.IO.Path.Combine(Path, name);
        Directory.CreateDirectory(System.IO.Path.GetDirectoryName(path)!);
        File.WriteAllBytes(path, contents);
    }

    public void Remove(string name) => File.Delete(System.IO.Path.Combine(Path, name));

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    private static byte[] ElfHeader(byte wordClass, byte machine) =>
        [0x7f, (byte)'E', (byte)'L', (byte)'F', wordClass, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, machine, 0, 1, 0, 0, 0];

    private const string SystemCalls = """
        /* a header, of version 99 */
        #pragma once
        #include <sel4/config.h>
        typedef enum {
            seL4_SysCall = -3, // another order than usual
            seL4_SysReplyRecv = -5,
            seL4_SysNBSendRecv = -7,
            seL4_SysNBSendWait = -(4 + 5),
            seL4_SysSend = -11,
            seL4_SysNBSend = -13,
            seL4_SysRecv = -15,
            seL4_SysNBRecv = -17,
            seL4_SysWait = -19,
            seL4_SysNBWait = -21,
            seL4_SysYield = -23,
        #if defined(CONFIG_PRINTING) && !defined(CONFIG_ENABLE_SMP_SUPPORT)
            seL4_SysDebugPutChar = -25,
        #elif (CONFIG_XSAVE_SIZE > 1)
            seL4_SysSomethingElse = -25,
        #else
            seL4_SysDebugPutChar = -99,
        #endif /* printing */
            SEL4_FORCE_LONG_ENUM(seL4_Syscall_ID)
        } seL4_Syscall_ID;
        """;

    private const string ObjectTypes = """
        typedef enum api_object {
            seL4_UntypedObject,
            seL4_NewKindObject,
            seL4_TCBObject,
            seL4_EndpointObject,
            seL4_NotificationObject,
            seL4_CapTableObject,
        #ifdef CONFIG_KERNEL_MCS
            seL4_SchedContextObject,
            seL4_ReplyObject,
        #endif
            seL4_NonArchObjectTypeCount,
        } seL4_ObjectType;
        """;

    private const string ModeObjectTypes = """
        typedef enum _mode_object {
            seL4_X86_PDPTObject = seL4_NonArchObjectTypeCount,
            seL4_X64_PML4Object,
        #ifdef CONFIG_HUGE_PAGE
            seL4_X64_HugePageObject,
        #endif
            seL4_ModeObjectTypeCount
        } seL4_ModeObjectType;
        #ifndef CONFIG_HUGE_PAGE
        #define seL4_X64_HugePageObject 0xfffffffe
        #endif
        """;

    private const string ArchObjectTypes = """
        typedef enum _object {
            seL4_X86_4K = seL4_ModeObjectTypeCount,
            seL4_X86_LargePageObject,
            seL4_X86_PageTableObject,
            seL4_X86_PageDirectoryObject,
        #ifdef CONFIG_IOMMU
            seL4_X86_IOPageTableObject,
        #endif
        #ifdef CONFIG_VTX
            seL4_X86_VCPUObject,
            seL4_X86_EPTPML4Object,
            seL4_X86_EPTPDPTObject,
            seL4_X86_EPTPDObject,
            seL4_X86_EPTPTObject,
        #endif
            seL4_ObjectTypeCount
        } seL4_ArchObjectType;
        """;

    private const string Constants = """
        #define UNUSED_WITH(x) (x)
        #if CONFIG_XSAVE_SIZE >= 832
        #define seL4_TCBBits            12
        #else
        #define seL4_TCBBits            11
        #endif
        #define seL4_VCPUBits 14
        #define seL4_X86_VCPUBits    seL4_VCPUBits
        #define seL4_EndpointBits 4
        #define seL4_NotificationBits (5 + \
            1)
        #define seL4_ReplyBits 5
        #define seL4_SlotBits 5
        #define seL4_MinSchedContextBits 7
        #define IRQ_OFFSET (0x20 + 16)
        #define VECTOR_MAX (109)
        """;
}
