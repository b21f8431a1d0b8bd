namespace Makatea.Sel4;

/// <summary>
/// A guest of a component, with a few pages of memory: what the kernel does with guests. The component's program tells all that it has by a fault, and goes on with the registers that it is given, so that its
/// monitor is here. (A thread that destroys its own virtual processor has no floating-point unit until it is scheduled anew.)
/// </summary>
internal unsafe struct GuestTrial
{
    private const ulong Window = 0x7d00_0000_0000;
    private const ulong PageSize = 4096;
    private const uint Pages = 4;
    private const uint Slots = 32;
    private const ulong BufferAddress = 0x7890_0000;
    private const int FlagsWord = 17;
    private const ulong LongModeGuest = 1 << 9;
    private const ulong LoadEfer = 1 << 15;
    private const ulong UnrestrictedGuest = 1 << 7;
    private const ulong Unusable = 1 << 16;

    /// <summary>HLT leaves the guest.</summary>
    private const ulong Controls = 1 << 7;

    // The kernel's message, in the IPC buffer from word 1 on, but for its first four words.
    private const int QualificationWord = 5;
    private const int LengthWord = 6;
    private const int PhysicalWord = 7;
    private const int RaxWord = 11;
    private const int R8Word = 18;

    // A fault message of a system call: registers from RAX on (RBX RCX RDX RSI RDI RBP R8 to R15), where it was, and the call.
    private const int FaultWords = 18;
    private const int Rdx = 3;
    private const int Rsi = 4;
    private const int R8Register = 7;
    private const int R10Register = 9;
    private const int R15Register = 14;
    private const int FaultIp = 15;

    /// <summary>It says what it has and is told with what to go on; then it enters its guest. int 0xc0; syscall; jmp to the first.</summary>
    private const string Monitor = "cdc00f05ebfa";

    private Component _component;
    private GuestParts _parts;
    private ulong* _buffer;
    private ulong _rip;
    private bool _isThere;
    private bool _isExit;

    /// <summary>Why the guest came out last ([SDM] volume 3, appendix C), what the processor said of that, and more.</summary>
    internal ulong Reason;
    internal ulong Qualification;
    internal ulong Physical;
    internal ulong Rax;
    internal ulong R8;

    /// <summary>Makes a guest that stands still.</summary>
    /// <param name="machine">What there is.</param>
    /// <param name="code">Its instructions in hexadecimal, at address 0.</param>
    /// <param name="isLong">It starts in 64-bit mode, all of its memory where its physical addresses are; else in 32-bit mode without paging.</param>
    /// <param name="guest">The guest.</param>
    internal static bool TryMake(Resources* machine, string code, bool isLong, out GuestTrial guest)
    {
        guest = default;
        ComponentPlan plan = new()
        {
            Layer = new Text(TrialProgram.Make(Monitor), TrialProgram.Length),
            Priority = 100,
            Budget = 1000,
            Period = 1000,
            Memory = 64 << 10,
            RootSlots = Slots + GuestParts.Slots,
        };
        guest._isThere = Component.Make(machine, plan, out guest._component) == ComponentFault.None;
        ref Component component = ref guest._component;
        if (!guest._isThere || !GuestParts.TryMake(ref component.Holdings, out guest._parts) || !guest.TryFill(machine, code))
        {
            return false;
        }

        GuestParts parts = guest._parts;
        uint copy = component.Holdings.TakeSlot();
        guest._buffer = (ulong*)(Window + (Pages * PageSize));
        var own = new AddressSpace((uint)CapabilitySpace.AddressSpace);
        return component.Space.TryMap(parts.Buffer, BufferAddress, CapabilityRights.ReadWrite, ref component.Holdings)
            && CapabilitySpace.Copy(parts.Buffer, copy, CapabilityRights.ReadWrite).IsDone && own.TryMap(copy, (ulong)guest._buffer, CapabilityRights.ReadWrite, ref machine->Own)
            && VirtualCpuCalls.SetBuffer(component.FirstThread, BufferAddress, parts.Buffer).IsDone
            && VirtualCpuCalls.Bind(parts.Cpu, component.FirstThread).IsDone && VirtualCpuCalls.SetSpace(component.FirstThread, parts.Space.Root).IsDone
            && guest.SetState(isLong) && component.Run() && guest.Listen(machine);
    }

    /// <summary>Runs it until it comes out.</summary>
    /// <returns>False where a signal brought the thread back.</returns>
    internal bool Run(Resources* machine)
    {
        const int FirstInBuffer = 4;
        for (int i = FirstInBuffer; i < FaultWords; i++)
        {
            KernelCall.SetWord(i, i == R8Register ? Controls : i == R10Register ? _rip : i == FaultIp ? TrialProgram.Address + 2 : i == FlagsWord ? 2u : 0);
        }

        KernelCall.Send(machine->FaultReply, 0, FaultWords, 0, 0, 0, Board.Get(BoardValue.SysVMEnter));
        return Listen(machine) && _isExit;
    }

    /// <summary>Runs it, and says whether it came out as it should.</summary>
    internal bool ComesOut(Resources* machine, ulong reason) => Run(machine) && Reason == reason;

    /// <summary>Signals the thread, so that it comes back at once.</summary>
    internal readonly bool Signal()
    {
        // A first thread has one already.
        bool done = KernelCall.Invoke(_component.FirstThread, BoardValue.TCBUnbindNotification, 0, 0).IsDone && ThreadCalls.BindNotification(_component.FirstThread, _parts.Events).IsDone;
        KernelCall.Signal(_parts.Events);
        return done;
    }

    internal readonly bool Write(VmcsField field, ulong value) => VirtualCpuCalls.Write(_parts.Cpu, field, value).IsDone;

    internal readonly ulong Read(VmcsField field) => VirtualCpuCalls.Read(_parts.Cpu, field).Value;

    internal bool Destroy() => _isThere && _component.Destroy();

    /// <summary>Hears what the component has come to.</summary>
    private bool Listen(Resources* machine)
    {
        KernelMessage message = KernelCall.Receive(machine->Faults, machine->FaultReply);
        const ulong UnknownSyscall = 2;
        if (message.Label != UnknownSyscall)
        {
            return false;
        }

        _isExit = message.Words[Rsi] == 1;
        if (message.Words[Rdx] == 0)
        {
            // It has entered nothing yet.
            return true;
        }

        Reason = message.Words[R15Register];
        ulong length = _isExit ? _buffer[LengthWord] : 0;
        _rip = message.Words[R10Register] + length;
        Qualification = _buffer[QualificationWord];
        Physical = _buffer[PhysicalWord];
        Rax = _buffer[RaxWord];
        R8 = _buffer[R8Word];
        return true;
    }

    private bool TryFill(Resources* machine, string code)
    {
        ref Holdings holdings = ref _component.Holdings;
        var own = new AddressSpace((uint)CapabilitySpace.AddressSpace);
        for (uint i = 0; i < Pages; i++)
        {
            uint page = holdings.Make(BoardValue.ObjectPage);
            uint copy = holdings.TakeSlot();
            if (page == SlotAllocator.None || copy == SlotAllocator.None || !CapabilitySpace.Copy(page, copy, CapabilityRights.ReadWrite).IsDone
                || !own.TryMap(copy, Window + (i * PageSize), CapabilityRights.ReadWrite, ref machine->Own) || !_parts.Space.TryMap(page, i * PageSize, CapabilityRights.ReadWrite, ref holdings))
            {
                return false;
            }
        }

        TrialProgram.Write((byte*)Window, code);

        // Tables of 64-bit mode: one entry each, the last for 2 MiB.
        ulong* tables = (ulong*)(Window + PageSize);
        tables[0] = (2 * PageSize) | 3;
        tables[PageSize / sizeof(ulong)] = (3 * PageSize) | 3;
        tables[2 * PageSize / sizeof(ulong)] = 0x83;
        return true;
    }

    private readonly bool SetState(bool isLong)
    {
        bool done = Write(VmcsField.SecondaryControls, UnrestrictedGuest) & Write(VmcsField.EntryControls, isLong ? LongModeGuest | LoadEfer : 0)
            & Write(VmcsField.Cr0, isLong ? 0x8000_0001 : 1) & Write(VmcsField.Cr3, PageSize) & Write(VmcsField.Cr4, 1 << 5) & Write(VmcsField.Efer, isLong ? 0x500u : 0)
            & Write(VmcsField.Rflags, 2) & Write(VmcsField.Rsp, PageSize) & Write(VmcsField.Dr7, 0x400);

        // The selectors of segments are in a row, and so are their limits, rights and bases; FS, GS and LDTR are not there.
        for (uint i = 0; i < 8; i++)
        {
            bool isCode = i == 1;
            bool isTask = i == 7;
            bool isThere = i < 4;
            ulong rights = isCode ? (isLong ? 0xa09bu : 0xc09b) : isTask ? 0x8b : isThere ? 0xc093 : Unusable;
            done &= Write(VmcsField.EsSelector + (2 * i), isCode ? 8ul : isTask ? 0x18 : isThere ? 0x10ul : 0) & Write(VmcsField.EsLimit + (2 * i), isTask ? 0x67 : uint.MaxValue)
                & Write(VmcsField.EsRights + (2 * i), rights) & Write(VmcsField.EsBase + (2 * i), 0);
        }

        return done;
    }
}
