namespace Makatea.Sel4;

/// <summary>
/// What the root task and components know of the kernel that they run on: system call numbers, invocation labels, object types and sizes, by position in a table of 64-bit
/// values. The image builder fills it from the board folder, as they differ between versions and configurations of the kernel.
/// </summary>
public enum BoardValue
{
    /// <summary>System calls, negative numbers (the header syscall.h of the board).</summary>
    SysCall,
    SysReplyRecv,
    SysNBSendRecv,
    SysNBSendWait,
    SysSend,
    SysNBSend,
    SysRecv,
    SysNBRecv,
    SysWait,
    SysNBWait,
    SysYield,

    /// <summary>0 where the kernel does not print.</summary>
    SysDebugPutChar,

    /// <summary>Labels of invocations (invocations_all.json).</summary>
    UntypedRetype,
    TCBReadRegisters,
    TCBWriteRegisters,
    TCBConfigure,
    TCBSetPriority,
    TCBSetMCPriority,
    TCBSetSchedParams,
    TCBSetTimeoutEndpoint,
    TCBSetIPCBuffer,
    TCBSetSpace,
    TCBSuspend,
    TCBResume,
    TCBBindNotification,
    TCBUnbindNotification,
    TCBSetTLSBase,
    CNodeRevoke,
    CNodeDelete,
    CNodeCancelBadgedSends,
    CNodeCopy,
    CNodeMint,
    CNodeMove,
    CNodeMutate,
    IRQIssueIRQHandler,
    IRQAckIRQ,
    IRQSetIRQHandler,
    IRQClearIRQHandler,
    SchedControlConfigureFlags,
    SchedContextBind,
    SchedContextUnbind,
    SchedContextUnbindObject,
    SchedContextConsumed,
    SchedContextYieldTo,
    X86PDPTMap,
    X86PDPTUnmap,
    X86PageDirectoryMap,
    X86PageDirectoryUnmap,
    X86PageTableMap,
    X86PageTableUnmap,
    X86IOPageTableMap,
    X86IOPageTableUnmap,
    X86PageMap,
    X86PageUnmap,
    X86PageMapIO,
    X86PageGetAddress,
    X86ASIDControlMakePool,
    X86ASIDPoolAssign,
    X86IOPortControlIssue,
    X86IOPortIn8,
    X86IOPortIn16,
    X86IOPortIn32,
    X86IOPortOut8,
    X86IOPortOut16,
    X86IOPortOut32,
    X86IRQIssueIRQHandlerIOAPIC,
    X86IRQIssueIRQHandlerMSI,

    /// <summary>Types of objects, as UntypedRetype numbers them; 0xffffffff where the kernel has none.</summary>
    ObjectUntyped,
    ObjectTcb,
    ObjectEndpoint,
    ObjectNotification,
    ObjectCapTable,
    ObjectSchedContext,
    ObjectReply,
    ObjectPdpt,
    ObjectPml4,
    ObjectHugePage,
    ObjectPage,
    ObjectLargePage,
    ObjectPageTable,
    ObjectPageDirectory,
    ObjectIOPageTable,
    ObjectVcpu,
    ObjectEptPml4,
    ObjectEptPdpt,
    ObjectEptPd,
    ObjectEptPt,

    /// <summary>Sizes of objects, 2 to this many bytes.</summary>
    TcbBits,
    VcpuBits,
    EndpointBits,
    NotificationBits,
    ReplyBits,

    /// <summary>One slot of a capability table.</summary>
    SlotBits,

    /// <summary>The least for a scheduling context.</summary>
    MinSchedContextBits,

    /// <summary>Slots of the root task's capability table: 2 to this many.</summary>
    RootCNodeBits,

    /// <summary>Bytes and set of features (XCR0) of the floating-point state that the kernel keeps of each thread.</summary>
    XSaveSize,
    XSaveFeatures,

    /// <summary>Interrupt vectors that invocations name, from 0 to the second of these; a device is told the vector plus the first.</summary>
    IrqVectorOffset,
    IrqVectorMax,

    /// <summary>Label of the message that tells a fault of memory; those before it are 1 for capabilities, 2 for system calls, 3 for exceptions.</summary>
    FaultMemory,

    /// <summary>What a kernel with VT-x has besides; 0 where it is without: the call that enters a guest, and labels.</summary>
    SysVMEnter,
    X86VCPUSetTCB,
    X86VCPUReadVMCS,
    X86VCPUWriteVMCS,
    X86VCPUWriteRegisters,
    X86VCPUReadMSR,
    X86VCPUWriteMSR,
    X86EPTPDPTMap,
    X86EPTPDMap,
    X86EPTPTMap,
    X86PageMapEPT,
    TCBSetEPTRoot,

    /// <summary>Number of values.</summary>
    Count,
}
