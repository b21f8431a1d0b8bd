using Makatea.Platform;

namespace Makatea.Vmm;

/// <content>Its state: what it does, its local APIC, and what the host keeps. Saved while it stands still, restored before it runs.</content>
public sealed partial class Processor : ISavedState
{
    private const int MostCpuState = 1 << 21;

    private bool _isRestored;
    private bool _hasRun;

    /// <inheritdoc/>
    /// <exception cref="InvalidOperationException">It has ended, or an exit is not complete.</exception>
    public void Save(StateWriter writer)
    {
        ArgumentNullException.ThrowIfNull(writer);
        if (_state == ProcessorState.Stopped)
        {
            throw new InvalidOperationException($"processor {_cpu.Id} has ended");
        }

        writer.Write((int)_state);
        writer.Write("apic", Apic.Save);
        writer.Write(_cpu.SaveState().ToBytes());
    }

    /// <inheritdoc/>
    /// <exception cref="IOException">The host refuses part of it.</exception>
    public void Restore(StateReader reader)
    {
        ArgumentNullException.ThrowIfNull(reader);
        _state = (ProcessorState)reader.Read((ulong)ProcessorState.Halted);
        reader.Read("apic", Apic.Restore);
        CpuState state = CpuState.FromBytes(reader.ReadBytes(MostCpuState));
        try
        {
            _cpu.RestoreState(state);
        }
        catch (ArgumentException e)
        {
            throw new InvalidDataException($"processor {_cpu.Id} cannot have the saved state: {e.Message}", e);
        }

        _isRestored = true;
    }

    /// <summary>Has what is under way between the guest and the host complete, without running the guest: its state is whole then, and what the host says of it is true.</summary>
    private void Settle()
    {
        VmExitKind kind;
        _cpu.RequestExit();
        do
        {
            ref readonly VmExit exit = ref _cpu.Run();
            kind = exit.Kind;
            Answer(in exit);
        }
        while (kind != VmExitKind.Cancelled && !_mustStop);
    }

    /// <summary>The first thing that a restored processor does, on its own thread: a halted one has to know whether the guest takes interrupts, and deadlines follow its counter.</summary>
    private void GoOn()
    {
        if (_isRestored)
        {
            _isRestored = false;
            Settle();
            _tsc.Renew();
            Apic.FollowTsc();
        }
    }
}
