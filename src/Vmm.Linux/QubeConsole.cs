namespace Makatea.Vmm.Linux;

/// <summary>Where a qube's serial console is, over all its resets.</summary>
internal abstract class QubeConsole : IDisposable
{
    /// <summary>Connects a qube, until what is returned is disposed.</summary>
    public abstract SerialConsole Connect(SerialPort port);

    /// <inheritdoc/>
    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Gives it up, behind what the qube said last.</summary>
    protected abstract void Dispose(bool disposing);
}
