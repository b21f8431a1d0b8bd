using Makatea.Platform.Linux.Sandboxing;
using Microsoft.Win32.SafeHandles;

namespace Makatea.Platform.Linux;

/// <summary>
/// A process that holds what it was given and nothing else. It ends with this object, and with the process that made it.
/// All members may be called from any thread.
/// </summary>
/// <remarks>
/// It is waited for and signalled through a process descriptor, never by number, so another process is never mistaken for it and
/// <see cref="System.Diagnostics.Process"/> can be used beside it.
/// </remarks>
public sealed unsafe class SandboxedProcess : IDisposable
{
    private const int KillSignal = 9;
    private const int TerminateSignal = 15;
    private const int ByProcessDescriptor = 3;
    private const int WaitForEnd = 4;
    private const int NoSuchProcess = 3;
    private const int WaiterStack = 128 * 1024;

    // siginfo_t on x86-64: si_code at 8, si_status at 24; CLD_EXITED is 1.
    private const int SignalInfoInts = 32;
    private const int CodeIndex = 2;
    private const int StatusIndex = 6;
    private const int Exited1 = 1;

    private readonly SafeFileHandle _descriptor;
    private readonly TaskCompletionSource<ProcessExit> _exit = new(TaskCreationOptions.RunContinuationsAsynchronously);

    internal SandboxedProcess(int pid, SafeFileHandle descriptor)
    {
        Pid = pid;
        _descriptor = descriptor;
        bool added = false;
        descriptor.DangerousAddRef(ref added);
        new Thread(WaitForIt, WaiterStack) { IsBackground = true, Name = $"wait for {pid}" }.Start();
    }

    /// <summary>Its id, for people to read; numbers are used again.</summary>
    public int Pid { get; }

    /// <summary>Which protections are on.</summary>
    public SandboxReport Report { get; internal set; } = new([]);

    /// <summary>Completes when it has ended and its remains are cleared away.</summary>
    public Task<ProcessExit> Exited => _exit.Task;

    /// <summary>Starts a process. Returns when its program runs.</summary>
    /// <exception cref="SandboxException">It could not be started, or a layer of <see cref="SandboxOptions.Required"/> could not be put on.</exception>
    public static SandboxedProcess Start(SandboxOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        SandboxHost.RequireLinuxX64();
        return LauncherThread.Run(() => new Spawner(options).Start());
    }

    /// <summary>Waits for its end.</summary>
    public ProcessExit WaitForExit() => Exited.GetAwaiter().GetResult();

    /// <summary>Waits for its end for at most <paramref name="timeout"/>.</summary>
    /// <returns>Whether it has ended.</returns>
    public bool WaitForExit(TimeSpan timeout) => Exited.Wait(timeout);

    /// <summary>
    /// Asks it to end (SIGTERM). In a process namespace of its own a program that does not handle the signal never sees it: .NET does.
    /// </summary>
    public void Terminate() => Send(TerminateSignal);

    /// <summary>Ends it at once (SIGKILL).</summary>
    public void Kill() => Send(KillSignal);

    /// <summary>Ends it if it still runs.</summary>
    public void Dispose()
    {
        if (!_descriptor.IsClosed)
        {
            Kill();
            WaitForExit();
            _descriptor.Dispose();
        }
    }

    private void Send(int signal)
    {
        bool added = false;
        try
        {
            _descriptor.DangerousAddRef(ref added);
            long result = SandboxNative.Call((long)Syscall.PidfdSendSignal, _descriptor.DangerousGetHandle(), signal, 0, 0);
            if (result < 0 && Errno.Last is var error and not NoSuchProcess)
            {
                throw new SandboxException($"cannot send signal {signal} to process {Pid}: {SandboxNative.Describe(error)}");
            }
        }
        finally
        {
            if (added)
            {
                _descriptor.DangerousRelease();
            }
        }
    }

    private void WaitForIt()
    {
        int* info = stackalloc int[SignalInfoInts];
        int result;
        do
        {
            result = SandboxNative.WaitId(ByProcessDescriptor, (int)_descriptor.DangerousGetHandle(), info, WaitForEnd);
        }
        while (result != 0 && Errno.Last == Errno.EINTR);

        int status = info[StatusIndex];
        _descriptor.DangerousRelease();
        _exit.SetResult(result != 0 ? default : info[CodeIndex] == Exited1 ? new(status, null) : new(null, status));
    }
}
