using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Makatea.Platform.Linux.Sandboxing;

/// <summary>Starts one process: tries the namespaces that the kernel may refuse, and says what came of it. Runs on <see cref="LauncherThread"/>.</summary>
internal sealed class Spawner
{
    private static readonly Lazy<SafeFileHandle> _null = new(() => File.OpenHandle("/dev/null", FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite));
    private readonly SandboxOptions _options;
    private readonly RootLayout _layout;
    private readonly string? _interpreter;
    private readonly List<string> _refusals = [];

    public Spawner(SandboxOptions options)
    {
        _options = options with { Descriptors = WithStandardDescriptors(options.Descriptors) };
        _interpreter = ElfFile.InterpreterOf(options.Executable);
        IEnumerable<string> paths = options.ReadOnlyPaths.Append(options.Executable);
        _layout = new(_interpreter is null ? paths : paths.Append(_interpreter));
    }

    /// <summary>Starts it.</summary>
    /// <exception cref="SandboxException">It could not be started.</exception>
    public SandboxedProcess Start()
    {
        foreach (ulong flags in Attempts())
        {
            if (TryStart(flags) is { } process)
            {
                return process;
            }
        }

        throw new SandboxException($"'{_options.Executable}' was not started: {string.Join("; ", _refusals)}");
    }

    /// <summary>Namespaces to start in, from the most to the least that is acceptable.</summary>
    private IEnumerable<ulong> Attempts()
    {
        ulong user = Flag(SandboxLayers.UserNamespace, "user", SpawnContext.NewUser);
        ulong processes = Flag(SandboxLayers.ProcessNamespace, "pid", SpawnContext.NewProcesses);
        ulong required = (IsRequired(SandboxLayers.UserNamespace) ? SpawnContext.NewUser : 0)
            | (IsRequired(SandboxLayers.ProcessNamespace) ? SpawnContext.NewProcesses : 0);
        ulong[] all = [user | processes, user, processes, 0];
        return all.Distinct().Where(f => (f & required) == required);
    }

    private ulong Flag(SandboxLayers layer, string kind, ulong flag)
    {
        if ((_options.Layers & layer) == 0)
        {
            return 0;
        }

        if (!SandboxHost.HasNamespace(kind))
        {
            _refusals.Add($"this kernel has no {kind} namespaces");
            return 0;
        }

        return flag;
    }

    private bool IsRequired(SandboxLayers layer) => (_options.Required & layer) != 0;

    private SandboxedProcess? TryStart(ulong flags)
    {
        using var plan = new SpawnPlan();
        using var go = new StartPipe();
        using var status = new StartPipe();
        var context = new SpawnContext(plan, _options, _layout, flags);
        var descriptors = new DescriptorSteps(_options.Descriptors, go.ReadEnd, status.WriteEnd);
        int landlock = SandboxHost.Landlock;
        SandboxPlan.Build(context, descriptors, go.WriteEnd, status.ReadEnd, landlock, _interpreter);

        long pid = Clone(plan, out SafeFileHandle? handle);
        if (handle is null)
        {
            _refusals.Add($"clone({FlagNames(flags)}): {SandboxNative.Describe(-pid)}");
            return null;
        }

        go.CloseRead();
        status.CloseWrite();
        var process = new SandboxedProcess((int)pid, handle);
        bool isOtherUser = true;
        if (context.HasUserNamespace && !TryMapUsers(pid, out isOtherUser))
        {
            process.Dispose();
            return null;
        }

        go.WriteByte();
        status.ReadToEnd();
        if (plan.FailedStep >= 0)
        {
            process.Dispose();
            throw Failure(plan);
        }

        if (!plan.HasReachedProgram)
        {
            string end = process.WaitForExit().ToString();
            process.Dispose();
            throw new SandboxException($"the new process was ended from outside ({end}) at '{plan.What(plan.CurrentStep)}'");
        }

        process.Report = SandboxReporter.Report(context, _refusals, landlock, isOtherUser);
        return process;
    }

    private bool TryMapUsers(long pid, out bool isOtherUser)
    {
        isOtherUser = false;
        try
        {
            isOtherUser = IdMaps.Write(pid, _options);
            return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            _refusals.Add($"map the user: {e.Message}");
            return false;
        }
    }

    private static unsafe long Clone(SpawnPlan plan, out SafeFileHandle? handle)
    {
        long pid = SpawnStub.Run(plan.Header);
        handle = pid > 0 ? new SafeFileHandle(plan.Header->ProcessDescriptor, ownsHandle: true) : null;
        return pid;
    }

    private static unsafe SandboxException Failure(SpawnPlan plan)
    {
        int step = plan.FailedStep;
        long error = -plan.At(step)->Result;
        string layer = plan.LayerOf(step) is var l and not SandboxLayers.None ? $" The layer {l} is required." : "";
        string hint = (Syscall)plan.At(step)->Number == Syscall.Execve
            ? " Inside the sandbox the program and its ELF interpreter must exist and be readable and executable for its user."
            : "";
        return new($"the sandbox stopped at '{plan.What(step)}': {SandboxNative.Describe(error)}.{layer}{hint} Nothing was started.");
    }

    private static string FlagNames(ulong flags) => string.Join('|', new[]
    {
        (flags & SpawnContext.NewUser) != 0 ? "CLONE_NEWUSER" : null,
        (flags & SpawnContext.NewProcesses) != 0 ? "CLONE_NEWPID" : null,
    }.OfType<string>().DefaultIfEmpty("no namespace"));

    private static Dictionary<int, SafeHandle> WithStandardDescriptors(IReadOnlyDictionary<int, SafeHandle> descriptors)
    {
        var all = new Dictionary<int, SafeHandle>(descriptors);
        foreach ((int slot, SafeHandle handle) in all)
        {
            if (slot < 0 || handle.IsInvalid || handle.IsClosed)
            {
                throw new SandboxException($"the descriptor for slot {slot} is not open, or the slot is negative");
            }
        }

        for (int slot = 0; slot <= 2; slot++)
        {
            all.TryAdd(slot, _null.Value);
        }

        return all;
    }
}
