using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace Makatea.Platform.Linux;

/// <summary>The process of QEMU. It ends with this object and with the process that made it; what it prints is kept for messages.</summary>
internal sealed unsafe class QemuProcess : IDisposable
{
    private const string Name = "qemu-system-x86_64";
    private const SandboxLayers Layers = SandboxLayers.DiesWithParent | SandboxLayers.NoNewPrivileges;
    private const int LongestOutput = 4096;
    private static readonly TimeSpan _endTime = TimeSpan.FromSeconds(1);

    private readonly SafeFileHandle _output;
    private readonly SandboxedProcess _process;

    private QemuProcess(SandboxedProcess process, SafeFileHandle output)
    {
        _process = process;
        _output = output;
    }

    /// <summary>Its id, for people to read.</summary>
    internal int Pid => _process.Pid;

    /// <summary>Starts QEMU.</summary>
    /// <exception cref="IOException">There is none, or it does not start.</exception>
    internal static QemuProcess Start(string? executable, IReadOnlyList<string> arguments, IReadOnlyDictionary<int, SafeHandle> descriptors)
    {
        // Memory takes what QEMU prints: nobody has to read it for QEMU to go on.
        SafeFileHandle output = LinuxError.Descriptor(Libc.MemfdCreate("qemu-output", Libc.MFD_CLOEXEC), "cannot keep QEMU's output", "memfd_create");
        try
        {
            return new QemuProcess(SandboxedProcess.Start(new SandboxOptions
            {
                Executable = executable ?? Find(),
                Arguments = arguments,
                Descriptors = new Dictionary<int, SafeHandle>(descriptors) { [1] = output, [2] = output },
                Layers = Layers,
                Required = Layers,
                Limits = new SandboxLimits { OpenFiles = null, Threads = null, LockedMemory = null },
            }), output);
        }
        catch (SandboxException e)
        {
            output.Dispose();
            throw new IOException($"QEMU does not start: {e.Message}", e);
        }
        catch
        {
            output.Dispose();
            throw;
        }
    }

    /// <summary>Says what became of QEMU when talking with it failed.</summary>
    internal IOException Explain(Exception cause)
    {
        string state = cause is EndOfStreamException && _process.WaitForExit(_endTime) ? $"QEMU ended ({_process.Exited.Result})" : $"QEMU (process {Pid}): {cause.Message}";
        string output = Output();
        return new IOException(output.Length == 0 ? state : $"{state}; it printed:\n{output}", cause);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _process.Dispose();
        _output.Dispose();
    }

    private static string Find()
    {
        string[] folders = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':', StringSplitOptions.RemoveEmptyEntries);
        return folders.Append("/usr/bin").Select(f => Path.Combine(f, Name)).FirstOrDefault(File.Exists)
            ?? throw new FileNotFoundException($"found no {Name} on PATH; install it (Debian: apt-get install qemu-system-x86)");
    }

    private string Output()
    {
        if (_output.IsClosed)
        {
            return "";
        }

        byte[] bytes = new byte[LongestOutput];
        fixed (byte* buffer = bytes)
        {
            nint count = Libc.PRead((int)_output.DangerousGetHandle(), (nint)buffer, LongestOutput, 0);
            return Encoding.UTF8.GetString(bytes, 0, (int)Math.Max(count, 0)).Trim();
        }
    }
}
