namespace Makatea.Platform.Sel4;

/// <summary>Why a guest came out ([SDM] volume 3, appendix C).</summary>
internal enum VmxExitReason : ulong
{
    ExceptionOrNmi = 0,
    TripleFault = 2,
    InterruptWindow = 7,
    NmiWindow = 8,
    TaskSwitch = 9,
    Cpuid = 10,
    Hlt = 12,
    Invd = 13,
    ControlRegister = 28,
    MoveDebugRegister = 29,
    Port = 30,
    ReadMsr = 31,
    WriteMsr = 32,
    InvalidGuestState = 33,
    MsrLoading = 34,
    EptViolation = 48,
    PreemptionTimer = 52,
    Wbinvd = 54,
    SetExtendedControl = 55,

    // RDPMC, and the instructions of VMX, SMX and the monitor are no processor's that the guest was told of.
    ReadCounter = 15,
}
