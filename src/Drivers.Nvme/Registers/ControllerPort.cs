using Makatea.Platform;

namespace Makatea.Drivers.Nvme;

/// <summary>The controller's registers with the waits that go with them. For one thread at a time, doorbells apart.</summary>
internal sealed class ControllerPort
{
    private readonly RegisterSpace _registers;

    /// <exception cref="NvmeException">There is no controller behind the registers that the driver can run.</exception>
    internal ControllerPort(RegisterSpace registers)
    {
        if (registers.Length < ControllerRegisters.Doorbells + 8)
        {
            throw new NvmeException(NvmeFault.Unsupported, $"BAR 0 has {registers.Length} bytes; an NVMe controller's has at least {ControllerRegisters.Doorbells + 8}");
        }

        _registers = registers;
        ThrowIfGone();
        Capabilities = new ControllerCapabilities(registers.ReadUInt64(ControllerRegisters.Cap));
        Capabilities.Check();
        Version = registers.ReadUInt32(ControllerRegisters.Vs);
    }

    internal ControllerCapabilities Capabilities { get; }

    /// <summary>Major version in bits 31:16, minor in 15:8.</summary>
    internal uint Version { get; }

    /// <summary>VS is never 0 and never all ones, so it tells both ways in which a removed function reads.</summary>
    internal bool IsGone => _registers.ReadUInt32(ControllerRegisters.Vs) is 0 or ControllerRegisters.Gone;

    internal bool IsFatal => (_registers.ReadUInt32(ControllerRegisters.Csts) & ControllerRegisters.CstsBits.Fatal) != 0;

    /// <summary>How many queues have their doorbells inside the BAR, the admin queue among them.</summary>
    internal int QueuesInReach => (int)Math.Min(65536, (_registers.Length - ControllerRegisters.Doorbells) / (2 * Capabilities.DoorbellStride));

    internal RegisterSpace SubmissionDoorbell(int queue) =>
        _registers.Slice(ControllerRegisters.Doorbells + (2ul * (uint)queue * Capabilities.DoorbellStride), 4);

    internal RegisterSpace CompletionDoorbell(int queue) =>
        _registers.Slice(ControllerRegisters.Doorbells + (((2ul * (uint)queue) + 1) * Capabilities.DoorbellStride), 4);

    /// <summary>Stops the controller: afterwards it touches no memory ([NVMe-2.1] 3.7.2).</summary>
    /// <exception cref="NvmeException">It does not get there in CAP.TO, or is gone.</exception>
    internal void Disable()
    {
        uint configuration = _registers.ReadUInt32(ControllerRegisters.Cc);
        ThrowIfGone();
        if ((configuration & ControllerRegisters.CcBits.Enable) != 0)
        {
            // EN must not be cleared before RDY followed its setting; a controller in fatal state may never get there.
            WaitReady(true, throwIfLate: false);
            _registers.WriteUInt32(ControllerRegisters.Cc, configuration & ~(ControllerRegisters.CcBits.Enable | ControllerRegisters.CcBits.ShutdownMask));
        }

        WaitReady(false, throwIfLate: true);
    }

    /// <summary>Starts the controller with its admin queue ([NVMe-2.1] 3.5.1). It is disabled.</summary>
    /// <exception cref="NvmeException">It does not get ready in CAP.TO, or is gone.</exception>
    internal void Enable(ulong submissionQueue, ulong completionQueue, int entries)
    {
        uint size = (uint)(entries - 1);
        _registers.WriteUInt32(ControllerRegisters.Aqa, (size << 16) | size);
        _registers.WriteUInt64(ControllerRegisters.Asq, submissionQueue);
        _registers.WriteUInt64(ControllerRegisters.Acq, completionQueue);
        _registers.WriteUInt32(ControllerRegisters.Cc, ControllerRegisters.CcBits.Settings);
        _registers.WriteUInt32(ControllerRegisters.Cc, ControllerRegisters.CcBits.Settings | ControllerRegisters.CcBits.Enable);
        WaitReady(true, throwIfLate: true);
    }

    /// <summary>Tells of the end of power and waits until what the controller holds is safe ([NVMe-2.1] 3.6.1).</summary>
    /// <returns>False where it did not say so in time.</returns>
    internal bool Shutdown(TimeSpan timeout)
    {
        uint configuration = _registers.ReadUInt32(ControllerRegisters.Cc) & ~ControllerRegisters.CcBits.ShutdownMask;
        _registers.WriteUInt32(ControllerRegisters.Cc, configuration | ControllerRegisters.CcBits.ShutdownNormal);
        var deadline = new Deadline(timeout);
        while (true)
        {
            bool late = deadline.IsPast;
            uint status = _registers.ReadUInt32(ControllerRegisters.Csts);
            if (status == ControllerRegisters.Gone || late)
            {
                return false;
            }

            if ((status & ControllerRegisters.CstsBits.ShutdownMask) == ControllerRegisters.CstsBits.ShutdownComplete)
            {
                return true;
            }

            Thread.Sleep(1);
        }
    }

    internal void ThrowIfGone()
    {
        if (IsGone)
        {
            throw new NvmeException(NvmeFault.Removed, "the controller is gone: its version register reads as nothing");
        }
    }

    private void WaitReady(bool ready, bool throwIfLate)
    {
        var deadline = new Deadline(Capabilities.ReadyTimeout);
        while (true)
        {
            // Looked at before the register, so that a thread that slept too long reads it once more.
            bool late = deadline.IsPast;
            uint status = _registers.ReadUInt32(ControllerRegisters.Csts);
            if (status == ControllerRegisters.Gone)
            {
                ThrowIfGone();
            }

            if ((status & ControllerRegisters.CstsBits.Ready) != 0 == ready)
            {
                return;
            }

            if (ready && (status & ControllerRegisters.CstsBits.Fatal) != 0)
            {
                if (throwIfLate)
                {
                    throw new NvmeException(NvmeFault.FatalStatus, $"the controller reports fatal status while starting (CSTS 0x{status:x})");
                }

                return;
            }

            if (late)
            {
                if (throwIfLate)
                {
                    ThrowIfGone();
                    throw new NvmeException(
                        NvmeFault.NotReady,
                        $"the controller is not {(ready ? "ready" : "stopped")} {Capabilities.ReadyTimeout.TotalSeconds:0.#} s after it was told to (CSTS 0x{status:x})");
                }

                return;
            }

            Thread.Sleep(1);
        }
    }
}
