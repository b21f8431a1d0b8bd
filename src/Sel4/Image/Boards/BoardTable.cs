namespace Makatea.Sel4.Image.Boards;

/// <summary>What programs on the kernel are told of it: a number for each <see cref="BoardValue"/>.</summary>
public sealed class BoardTable
{
    /// <summary>Type of objects that the kernel does not have.</summary>
    public const ulong NoObject = 0xffffffff;

    // What the kernel's headers call them.
    private static readonly Dictionary<BoardValue, string> _objects = new()
    {
        [BoardValue.ObjectUntyped] = "seL4_UntypedObject",
        [BoardValue.ObjectTcb] = "seL4_TCBObject",
        [BoardValue.ObjectEndpoint] = "seL4_EndpointObject",
        [BoardValue.ObjectNotification] = "seL4_NotificationObject",
        [BoardValue.ObjectCapTable] = "seL4_CapTableObject",
        [BoardValue.ObjectSchedContext] = "seL4_SchedContextObject",
        [BoardValue.ObjectReply] = "seL4_ReplyObject",
        [BoardValue.ObjectPdpt] = "seL4_X86_PDPTObject",
        [BoardValue.ObjectPml4] = "seL4_X64_PML4Object",
        [BoardValue.ObjectHugePage] = "seL4_X64_HugePageObject",
        [BoardValue.ObjectPage] = "seL4_X86_4K",
        [BoardValue.ObjectLargePage] = "seL4_X86_LargePageObject",
        [BoardValue.ObjectPageTable] = "seL4_X86_PageTableObject",
        [BoardValue.ObjectPageDirectory] = "seL4_X86_PageDirectoryObject",
        [BoardValue.ObjectIOPageTable] = "seL4_X86_IOPageTableObject",
        [BoardValue.ObjectVcpu] = "seL4_X86_VCPUObject",
        [BoardValue.ObjectEptPml4] = "seL4_X86_EPTPML4Object",
        [BoardValue.ObjectEptPdpt] = "seL4_X86_EPTPDPTObject",
        [BoardValue.ObjectEptPd] = "seL4_X86_EPTPDObject",
        [BoardValue.ObjectEptPt] = "seL4_X86_EPTPTObject",
    };

    private static readonly Dictionary<BoardValue, string> _macros = new()
    {
        [BoardValue.TcbBits] = "seL4_TCBBits",
        [BoardValue.VcpuBits] = "seL4_X86_VCPUBits",
        [BoardValue.EndpointBits] = "seL4_EndpointBits",
        [BoardValue.NotificationBits] = "seL4_NotificationBits",
        [BoardValue.ReplyBits] = "seL4_ReplyBits",
        [BoardValue.SlotBits] = "seL4_SlotBits",
        [BoardValue.MinSchedContextBits] = "seL4_MinSchedContextBits",
        [BoardValue.IrqVectorOffset] = "IRQ_OFFSET",
        [BoardValue.IrqVectorMax] = "VECTOR_MAX",
    };

    private readonly ulong[] _values = new ulong[(int)BoardValue.Count];

    private BoardTable()
    {
    }

    /// <summary>The values, in the order of <see cref="BoardValue"/>. System calls are negative, in two's complement.</summary>
    public ReadOnlySpan<ulong> Values => _values;

    /// <summary>One of them.</summary>
    public ulong this[BoardValue value] => _values[(int)value];

    /// <summary>Fills the table.</summary>
    /// <param name="configuration">The kernel's configuration.</param>
    /// <param name="labels">Labels of invocations.</param>
    /// <param name="symbols">Headers that number system calls and types of objects, and say sizes.</param>
    /// <exception cref="ImageException">Something is missing that every kernel for which Makatea is made has; all of it is said.</exception>
    internal static BoardTable Create(KernelConfiguration configuration, IReadOnlyDictionary<string, uint> labels, HeaderSymbols symbols)
    {
        var table = new BoardTable();
        var problems = new List<string>();
        for (BoardValue value = 0; value < BoardValue.Count; value++)
        {
            try
            {
                table._values[(int)value] = Find(value, configuration, labels, symbols);
            }
            catch (ImageException e)
            {
                problems.Add(e.Message);
            }
        }

        return problems.Count == 0 ? table : throw new ImageException(problems);
    }

    private static ulong Find(BoardValue value, KernelConfiguration configuration, IReadOnlyDictionary<string, uint> labels, HeaderSymbols symbols)
    {
        if (_objects.TryGetValue(value, out string? type))
        {
            return symbols.TryGetEnumerator(type, out long number) ? (ulong)number
                : IsOptional(value) ? NoObject
                : throw new ImageException($"objecttype.h has no {type}");
        }

        if (_macros.TryGetValue(value, out string? macro))
        {
            return symbols.TryGetMacro(macro, out long size) ? (ulong)size : throw new ImageException($"constants.h has no {macro}");
        }

        return value switch
        {
            <= BoardValue.SysDebugPutChar or BoardValue.SysVMEnter => SystemCall(value, symbols),
            > BoardValue.SysVMEnter => labels.TryGetValue(value.ToString(), out uint optional) ? optional : 0UL,
            BoardValue.RootCNodeBits => configuration.Number("ROOT_CNODE_SIZE_BITS") ?? 0,
            // FXSAVE has a fixed size and keeps x87 and SSE state [SDM 10.5.1].
            BoardValue.XSaveSize => configuration.IsOn("FXSAVE") ? 512UL : configuration.Number("XSAVE_SIZE") ?? throw new ImageException("gen_config.json has no XSAVE_SIZE"),
            BoardValue.XSaveFeatures => configuration.IsOn("FXSAVE") ? 3UL : configuration.Number("XSAVE_FEATURE_SET") ?? throw new ImageException("gen_config.json has no XSAVE_FEATURE_SET"),
            // A kernel with debug registers has a kind of fault more (seL4_Fault_tag in the generated types_gen.h).
            BoardValue.FaultMemory => configuration.IsOn("HARDWARE_DEBUG_API") ? 6UL : 5UL,
            _ => labels.TryGetValue(value.ToString(), out uint label) ? label : throw new ImageException($"invocations_all.json has no {value}"),
        };
    }

    private static ulong SystemCall(BoardValue value, HeaderSymbols symbols) =>
        symbols.TryGetEnumerator($"seL4_{value}", out long number) ? (ulong)number
            : value is BoardValue.SysDebugPutChar or BoardValue.SysVMEnter ? 0UL
            : throw new ImageException($"syscall.h has no seL4_{value}");

    /// <summary>What a kernel may have been configured without.</summary>
    private static bool IsOptional(BoardValue value) =>
        value is BoardValue.ObjectHugePage or BoardValue.ObjectIOPageTable or (>= BoardValue.ObjectVcpu and <= BoardValue.ObjectEptPt);
}
