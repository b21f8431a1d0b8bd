using System.Runtime.InteropServices;
using System.Text;

namespace Makatea.Platform.Linux.Sandboxing;

/// <summary>
/// The system calls that a new process makes before its program starts, and the memory that they point to. The memory is shared with
/// the new process, so that the results come back; it is never written by anybody else.
/// </summary>
internal sealed unsafe class SpawnPlan : IDisposable
{
    private const int MaxSteps = 2048;
    private const int Length = 4 * 1024 * 1024;
    private const int GateOffset = Length - GateLength;

    /// <summary>Length of <see cref="Gate"/>: one page.</summary>
    public const int GateLength = 4096;

    /// <summary>SIGCHLD, which the parent's other code may expect of a child.</summary>
    public const ulong ChildSignal = 17;

    private readonly List<(string What, SandboxLayers Layer)> _notes = [];
    private readonly byte* _memory;
    private int _used = SpawnHeader.Size + (MaxSteps * sizeof(SyscallStep));

    public SpawnPlan()
    {
        nint memory = Libc.MMap(0, Length, Libc.PROT_READ | Libc.PROT_WRITE, Libc.MAP_SHARED | Libc.MAP_ANONYMOUS, -1, 0);
        _memory = memory != Libc.MapFailed ? (byte*)memory : throw LinuxError.Io("cannot plan a process", "mmap", Errno.Last);
        Header->BlockedSignals = ulong.MaxValue;
        Header->ProcessDescriptor = -1;
    }

    public SpawnHeader* Header => (SpawnHeader*)_memory;

    /// <summary>A page of its own for the path of the program: see <see cref="ProgramSteps.MovePathToGate"/>.</summary>
    public byte* Gate => _memory + GateOffset;

    public int Count => _notes.Count;

    private SyscallStep* Steps => (SyscallStep*)(_memory + SpawnHeader.Size);

    /// <summary>Says which namespaces the new process starts in.</summary>
    public void SetCloneFlags(ulong flags) => Header->CloneFlags = flags;

    /// <summary>Adds a step whose failure ends the process.</summary>
    /// <param name="what">For reports: the call and what matters of its arguments.</param>
    /// <param name="number">The system call.</param>
    /// <param name="arguments">Up to six; the rest are 0.</param>
    public PlanStep Add(string what, Syscall number, params ReadOnlySpan<long> arguments)
    {
        if (Count == MaxSteps)
        {
            throw new SandboxException($"the sandbox needs more than {MaxSteps} steps; give fewer paths, directories in the place of single files");
        }

        SyscallStep* step = Steps + Count;
        step->Number = (long)number;
        for (int i = 0; i < arguments.Length; i++)
        {
            step->Arguments[i] = arguments[i];
        }

        step->Minimum = 0;
        step->OnSuccess = sizeof(SyscallStep);
        step->Result = SyscallStep.NotRun;
        _notes.Add((what, SandboxLayers.None));
        return new(this, Count - 1);
    }

    /// <summary>Copies bytes into the shared memory.</summary>
    public byte* Store(ReadOnlySpan<byte> bytes, int alignment = 1)
    {
        int start = (_used + alignment - 1) & -alignment;
        if (bytes.Length > GateOffset - start)
        {
            throw new SandboxException($"arguments, environment and paths together exceed {Length >> 20} MiB");
        }

        _used = start + bytes.Length;
        bytes.CopyTo(new Span<byte>(_memory + start, bytes.Length));
        return _memory + start;
    }

    /// <summary>Copies a structure into the shared memory.</summary>
    public T* Store<T>(in T value)
        where T : unmanaged => (T*)Store(MemoryMarshal.AsBytes(new ReadOnlySpan<T>(in value)), 8);

    /// <summary>Copies a string into the shared memory, as C has it; its address is a step's argument.</summary>
    public long Text(string text)
    {
        if (text.Contains('\0'))
        {
            throw new SandboxException($"'{text.Replace("\0", "\\0")}' contains a zero character, which cannot be passed to a program");
        }

        return (long)Store(Encoding.UTF8.GetBytes(text + '\0'));
    }

    /// <summary>Copies strings and a table of their addresses that ends with 0.</summary>
    public long TextTable(IEnumerable<string> texts)
    {
        long[] table = [.. texts.Select(Text), 0];
        return (long)Store(MemoryMarshal.AsBytes<long>(table), 8);
    }

    public SyscallStep* At(int index) => Steps + index;

    public bool Succeeded(int index) => At(index)->Result >= At(index)->Minimum;

    public string What(int index) => _notes[index].What;

    public SandboxLayers LayerOf(int index) => _notes[index].Layer;

    public void SetLayer(int index, SandboxLayers layer) => _notes[index] = (_notes[index].What, layer);

    /// <summary>Index of the step whose failure ended the process, or -1.</summary>
    public int FailedStep => Header->Failed == 0 ? -1 : (int)(((SyscallStep*)Header->Failed) - Steps);

    /// <summary>Index of the step that ran last.</summary>
    public int CurrentStep => Header->Current == 0 ? 0 : (int)(((SyscallStep*)Header->Current) - Steps);

    /// <summary>Whether all steps but the last, which starts the program, are done.</summary>
    public bool HasReachedProgram => CurrentStep == Count - 1;

    /// <inheritdoc/>
    public void Dispose() => Libc.MUnmap((nint)_memory, Length);
}
