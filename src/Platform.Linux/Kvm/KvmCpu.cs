using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Makatea.Platform.Linux;

/// <summary>A virtual processor of KVM's: running it, and having it come back.</summary>
internal sealed unsafe partial class KvmCpu : VirtualCpu
{
    private readonly SafeFileHandle _cpu;
    private readonly VirtualMachineInfo _info;
    private readonly int _extendedStateLength;
    private readonly KvmRunPage _page;
    private readonly Libc.KvmRun* _run;

    // The descriptor's number: SafeFileHandle counts its users on each call.
    private int _fd;

    // Who is in KVM_RUN or about to be, 0 for nobody. See RequestExit.
    private int _runner;

    [ThreadStatic]
    private static int _thisThread;

    private KvmCpu(SafeFileHandle cpu, uint id, KvmRunPage page, int extendedStateLength, VirtualMachineInfo info)
    {
        _cpu = cpu;
        _fd = (int)cpu.DangerousGetHandle();
        Id = id;
        _page = page;
        _run = page.Run;
        _extendedStateLength = extendedStateLength;
        _info = info;

        // KVM takes CR8 from here at each entry.
        GetSystemRegisters(out CpuSystemRegisters registers);
        _run->Cr8 = registers.Cr8;
        long kilohertz = Libc.IoctlNumber(cpu, Libc.KVM_GET_TSC_KHZ, 0);
        _tscKilohertz = kilohertz > 0 ? (uint)kilohertz : 0;
    }

    /// <inheritdoc/>
    public override uint Id { get; }

    /// <summary>Takes a new processor's descriptor over.</summary>
    /// <exception cref="IOException">The kernel refuses.</exception>
    internal static KvmCpu Create(SafeFileHandle cpu, uint id, int runLength, int extendedStateLength, VirtualMachineInfo info)
    {
        try
        {
            return new(cpu, id, new KvmRunPage(cpu, runLength), extendedStateLength, info);
        }
        catch
        {
            cpu.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public override ref readonly VmExit Run()
    {
        if (_elementsLeft > 0)
        {
            return ref NextElement();
        }

        int thread = _thisThread;
        if (thread == 0)
        {
            _thisThread = thread = InterruptingSignal.Admit();
        }

        int result;
        do
        {
            // Pairs with the fence of RequestExit: either KVM sees the request, or the requester sees us.
            Volatile.Write(ref _runner, thread);
            Interlocked.MemoryBarrier();
            result = Libc.IoctlFast(_fd, Libc.KVM_RUN, 0);
            int error = result < 0 ? Marshal.GetLastSystemError() : 0;
            Volatile.Write(ref _runner, 0);
            if (result < 0 && !TakeError(error))
            {
                continue;
            }

            if (result < 0 || TakeExit())
            {
                break;
            }
        }
        while (true);

        _isWindowClosed = false;
        _run->RequestInterruptWindow = 0;
        return ref _exit;
    }

    /// <inheritdoc/>
    /// <remarks>
    /// KVM looks at <c>immediate_exit</c> once, when KVM_RUN begins. Set before that, it is enough; set after, it needs the signal, which is pending from before the guest is entered or
    /// takes the processor out of it. The handler does nothing: what the thread does outside of KVM_RUN goes on.
    /// </remarks>
    public override void RequestExit()
    {
        Volatile.Write(ref _run->ImmediateExit, 1);

        // Pairs with the one in Run.
        Interlocked.MemoryBarrier();
        int thread = Volatile.Read(ref _runner);
        if (thread != 0)
        {
            InterruptingSignal.Send(thread);
        }

        GC.KeepAlive(_page);
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (_fd >= 0)
        {
            _fd = -1;
            _page.Abandon();
            _cpu.Dispose();
        }
    }

    /// <summary>What KVM_RUN failing means.</summary>
    /// <returns>False where the guest is to go on.</returns>
    /// <exception cref="IOException">This is no state of a guest.</exception>
    private bool TakeError(int error)
    {
        switch (error)
        {
            // Nothing is under way any more: KVM completes what was before it looks at either.
            case Errno.EINTR:
                _isPending = false;
                if (Volatile.Read(ref _run->ImmediateExit) == 0)
                {
                    // A signal for somebody else, such as the runtime's own.
                    return false;
                }

                Volatile.Write(ref _run->ImmediateExit, 0);

                // What the requester wrote before it asked is read after this.
                Interlocked.MemoryBarrier();
                _exit = new() { Kind = VmExitKind.Cancelled };
                return true;

            // Memory that the guest uses is gone from under it.
            case Errno.EFAULT:
                _isPending = false;
                _exit = new() { Kind = VmExitKind.HostFailure, Value = Errno.EFAULT };
                return true;

            default:
                ObjectDisposedException.ThrowIf(_fd < 0, this);
                throw LinuxError.Io($"cannot run virtual processor {Id}", "KVM_RUN", error);
        }
    }
}
