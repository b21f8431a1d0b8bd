namespace Makatea.Sel4;

/// <content>Guests, on a kernel with VT-x.</content>
internal static unsafe partial class Program
{
    private const int GuestRounds = 200;

    // [SDM] volume 3, appendix C.
    private const ulong TripleFault = 2;
    private const ulong Cpuid = 10;
    private const ulong Hlt = 12;
    private const ulong Vmcall = 18;
    private const ulong PortAccess = 30;
    private const ulong ReadMsr = 31;
    private const ulong EptViolation = 48;

    private static void TryGuests()
    {
        Say("a guest runs without paging; ports, CPUID and HLT come out with its registers", TryExits());
        Say("a guest's memory ends where its pages do", TryMemoryEnd());
        Say("a guest runs in 64-bit mode, with all its registers", TryLongMode());
        Say("MSRs come out", TryMsrs());
        Say("a guest that cannot take its own faults comes out alone", TryTripleFault());
        Say("a state that the processor refuses comes out", TryWrongState());
        Say("a signal brings the thread back", TrySignal());
        Say("the kernel keeps the fields that are its own", TryFields());
        Say("guests come and go without a loss", TryGuestsWithoutLoss());
    }

    /// <summary>It stays where it is: static fields do not move.</summary>
    private static Resources* Machine
    {
        get
        {
            fixed (Resources* machine = &s_resources)
            {
                return machine;
            }
        }
    }

    private static bool TryMake(string code, bool isLong, out GuestTrial guest) => GuestTrial.TryMake(Machine, code, isLong, out guest);

    // mov eax, 0x1234; mov edx, 0xe9; out dx, al; cpuid; hlt
    private static bool TryExits()
    {
        bool passed = TryMake("b834120000bae9000000ee0fa2f4", isLong: false, out GuestTrial guest)
            && guest.ComesOut(Machine, PortAccess) && guest.Qualification == 0xe9_0000 && guest.Rax == 0x1234 && guest.ComesOut(Machine, Cpuid) && guest.ComesOut(Machine, Hlt);
        return guest.Destroy() && passed;
    }

    // mov [0x5000000], eax; mov al, [0x3ff0]; hlt
    private static bool TryMemoryEnd()
    {
        bool passed = TryMake("a300000005a0f03f0000f4", isLong: false, out GuestTrial guest)
            && guest.ComesOut(Machine, EptViolation) && guest.Physical == 0x500_0000 && (guest.Qualification & 7) == 2 && guest.ComesOut(Machine, Hlt);
        return guest.Destroy() && passed;
    }

    // mov rax, 0x123456789abcdef0; mov r8, rax; vmcall
    private static bool TryLongMode()
    {
        bool passed = TryMake("48b8f0debc9a785634124989c00f01c1", isLong: true, out GuestTrial guest)
            && guest.ComesOut(Machine, Vmcall) && guest.Rax == 0x1234_5678_9abc_def0 && guest.R8 == guest.Rax;
        return guest.Destroy() && passed;
    }

    // mov ecx, 0xc0000080 (EFER); rdmsr; mov ecx, 0xc0000100 (FS base); rdmsr, which does not; hlt
    private static bool TryMsrs()
    {
        bool passed = TryMake("b9800000c00f32b9000100c00f32f4", isLong: true, out GuestTrial guest) && guest.ComesOut(Machine, ReadMsr) && guest.ComesOut(Machine, Hlt);
        return guest.Destroy() && passed;
    }

    // lidt [0x3f00] (zeroes); int3
    private static bool TryTripleFault()
    {
        bool passed = TryMake("0f011d003f0000cc", isLong: false, out GuestTrial guest) && guest.ComesOut(Machine, TripleFault);
        return guest.Destroy() && passed;
    }

    /// <summary>It is not entered anew: the kernel takes it for launched, fails to resume it, and does so on a stack inside the virtual processor.</summary>
    private static bool TryWrongState()
    {
        const ulong InvalidGuestState = 33;
        bool passed = TryMake("f4", isLong: false, out GuestTrial guest) && guest.Write(VmcsField.Rflags, 0) && guest.ComesOut(Machine, InvalidGuestState);
        return guest.Destroy() && passed;
    }

    private static bool TrySignal()
    {
        bool passed = TryMake("f4", isLong: false, out GuestTrial guest) && guest.Signal() && !guest.Run(Machine) && guest.ComesOut(Machine, Hlt);
        return guest.Destroy() && passed;
    }

    private static bool TryFields()
    {
        const uint EptPointer = 0x201a;
        const uint TscOffset = 0x2010;
        const uint HostRip = 0x6c16;
        const ulong ExternalInterrupts = 1;
        const ulong VmxEnabled = 1 << 13;
        bool passed = TryMake("f4", isLong: false, out GuestTrial guest)
            && !guest.Write((VmcsField)EptPointer, 0) && !guest.Write((VmcsField)TscOffset, 0) && !guest.Write((VmcsField)HostRip, 0)
            && guest.Write(VmcsField.PinControls, 0) && (guest.Read(VmcsField.PinControls) & ExternalInterrupts) != 0
            && guest.Write(VmcsField.Cr4, 0) && (guest.Read(VmcsField.Cr4) & VmxEnabled) != 0;
        return guest.Destroy() && passed;
    }

    private static bool TryGuestsWithoutLoss()
    {
        ulong bytes = s_resources.Untyped.FreeBytes;
        uint slots = s_resources.Slots.Available;
        for (int round = 0; round < GuestRounds; round++)
        {
            bool passed = TryMake("f4", isLong: false, out GuestTrial guest) && guest.ComesOut(Machine, Hlt);
            if (!guest.Destroy() || !passed)
            {
                return false;
            }
        }

        return bytes == s_resources.Untyped.FreeBytes && slots == s_resources.Slots.Available;
    }
}
