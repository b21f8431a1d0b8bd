namespace Makatea.Sel4;

/// <summary>Invocations on virtual processors.</summary>
internal static class VirtualCpuCalls
{
    /// <summary>Binds a virtual processor to a thread, which enters its guest from then on.</summary>
    internal static KernelResult Bind(uint cpu, uint thread)
    {
        KernelCall.SetCapability(0, thread);
        return KernelCall.Invoke(cpu, BoardValue.X86VCPUSetTCB, 1, 0);
    }

    /// <summary>Says what the physical addresses of the guest of a thread are.</summary>
    internal static KernelResult SetSpace(uint thread, uint space)
    {
        KernelCall.SetCapability(0, space);
        return KernelCall.Invoke(thread, BoardValue.TCBSetEPTRoot, 1, 0);
    }

    /// <summary>Reads a field of the processor's control structure; the kernel has a list of those that may be.</summary>
    internal static KernelResult Read(uint cpu, VmcsField field) => KernelCall.Invoke(cpu, BoardValue.X86VCPUReadVMCS, 0, 1, (ulong)field);

    /// <summary>Writes one. The answer's word is what the kernel made of the value.</summary>
    internal static KernelResult Write(uint cpu, VmcsField field, ulong value) => KernelCall.Invoke(cpu, BoardValue.X86VCPUWriteVMCS, 0, 2, (ulong)field, value);

    /// <summary>Gives a thread an IPC buffer.</summary>
    internal static KernelResult SetBuffer(uint thread, ulong address, uint frame)
    {
        KernelCall.SetCapability(0, frame);
        return KernelCall.Invoke(thread, BoardValue.TCBSetIPCBuffer, 1, 1, address);
    }
}
