namespace Makatea.Platform;

/// <summary>An interrupt message: a function that writes the data to the address rings the doorbell ([PCI-3.0] 6.8).</summary>
public abstract class InterruptMessage : IDisposable
{
    /// <summary>Address, as the function writes it.</summary>
    public abstract ulong Address { get; }

    /// <summary>Data, 32 bits (16 with MSI).</summary>
    public abstract uint Data { get; }

    /// <summary>What rings.</summary>
    public abstract Doorbell Doorbell { get; }

    /// <summary>Gives the message up; the function no longer sends it.</summary>
    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Gives the message up.</summary>
    protected abstract void Dispose(bool disposing);
}
