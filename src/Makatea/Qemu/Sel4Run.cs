using System.IO.Pipes;
using System.Runtime.InteropServices;
using Makatea.Platform.Linux;
using Makatea.Running;

namespace Makatea.Qemu;

/// <summary>How a run of a kernel came to its end.</summary>
internal enum Sel4End
{
    /// <summary>The text that was waited for came.</summary>
    Found,

    /// <summary>The time was over.</summary>
    TimedOut,

    /// <summary>The user ended it.</summary>
    Interrupted,

    /// <summary>The emulator ended by itself.</summary>
    Ended,
}

/// <summary>Runs a kernel in an emulator, its console copied. However this ends, the emulator does.</summary>
internal static class Sel4Run
{
    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan _restOfLine = TimeSpan.FromMilliseconds(500);

    /// <summary>Runs it.</summary>
    /// <param name="emulator">The machine.</param>
    /// <param name="output">Where the console goes.</param>
    /// <param name="errors">Where the emulator's own complaints go.</param>
    /// <param name="until">Text on the console that ends it, or null.</param>
    /// <param name="timeout">How long it runs at most, or null.</param>
    /// <param name="showsKernel">Shows what the kernel says before it starts the root task.</param>
    public static Sel4End Run(ISel4Emulator emulator, Stream output, TextWriter errors, byte[]? until, TimeSpan? timeout, bool showsKernel)
    {
        using var console = new AnonymousPipeServerStream(PipeDirection.In);
        using var complaints = new AnonymousPipeServerStream(PipeDirection.In);
        IReadOnlyDictionary<int, SafeHandle> descriptors = emulator.Descriptors(console.ClientSafePipeHandle, complaints.ClientSafePipeHandle);
        using SandboxedProcess process = SandboxedProcess.Start(VmmSandbox.Options(emulator.Program, emulator.Arguments, descriptors) with { Environment = emulator.Environment });
        console.DisposeLocalCopyOfClientHandle();
        complaints.DisposeLocalCopyOfClientHandle();
        var complaining = Task.Run(() => Retell(complaints, errors));
        Sel4End end = Sel4End.Ended;
        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Interrupt);
        using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Interrupt);
        var watch = new ConsoleWatch(output, until, showsKernel);
        using var deadline = new Timer(_ => Stop(watch.IsFound ? Sel4End.Found : Sel4End.TimedOut), null, timeout ?? Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        byte[] buffer = new byte[4096];
        int count;
        while ((count = console.Read(buffer)) > 0)
        {
            if (watch.Take(buffer.AsSpan(0, count)))
            {
                Stop(Sel4End.Found);
                break;
            }

            if (watch.IsFound)
            {
                // A prompt, perhaps: it has no end.
                deadline.Change(_restOfLine, Timeout.InfiniteTimeSpan);
            }
        }

        watch.End();
        if (!process.WaitForExit(_patience))
        {
            process.Kill();
            process.WaitForExit();
        }

        complaining.Wait();
        return end;

        void Interrupt(PosixSignalContext context)
        {
            context.Cancel = true;
            Stop(Sel4End.Interrupted);
        }

        void Stop(Sel4End how)
        {
            end = how;
            if (emulator.IsKilled)
            {
                process.Kill();
            }
            else
            {
                process.Terminate();
            }
        }
    }

    private static void Retell(Stream complaints, TextWriter errors)
    {
        using var reader = new StreamReader(complaints);
        while (reader.ReadLine() is { } line)
        {
            // We did that.
            if (!line.Contains("terminating on signal", StringComparison.Ordinal))
            {
                errors.WriteLine(line);
            }
        }
    }
}
