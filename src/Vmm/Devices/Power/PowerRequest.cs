namespace Makatea.Vmm;

/// <summary>What a guest asks of who runs it. It is told on the thread of the vCPU that asked, which goes on until it is stopped.</summary>
public enum PowerRequest
{
    /// <summary>Off: ACPI's S5.</summary>
    Off,

    /// <summary>The machine begins anew.</summary>
    Reset,
}
