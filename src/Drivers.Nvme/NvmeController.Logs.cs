namespace Makatea.Drivers.Nvme;

/// <content>What users ask the controller itself for.</content>
public sealed partial class NvmeController
{
    /// <summary>Reads the SMART / health log.</summary>
    /// <exception cref="NvmeException">The controller refuses or failed.</exception>
    public NvmeHealth ReadHealth() =>
        LastHealth = Administer(session => NvmeHealth.Parse(session.ReadLog(LogPage.Health, 512, keepEvent: true)));

    /// <summary>Reads the error log, the newest entry first, as far as one page goes.</summary>
    /// <exception cref="NvmeException">The controller refuses or failed.</exception>
    public IReadOnlyList<NvmeErrorEntry> ReadErrors() => Administer(session =>
    {
        int length = Math.Min(Identity.ErrorLogEntries * NvmeErrorEntry.Length, AdminQueue.DataLength);
        return NvmeErrorEntry.ParseAll(session.ReadLog(LogPage.Error, length, keepEvent: true));
    });

    /// <summary>Reads which firmware the controller has and runs.</summary>
    /// <exception cref="NvmeException">The controller refuses or failed.</exception>
    public NvmeFirmware ReadFirmware() =>
        Administer(session => NvmeFirmware.Parse(session.ReadLog(LogPage.FirmwareSlot, NvmeFirmware.Length, keepEvent: true)));

    /// <summary>Whether the volatile write cache is on.</summary>
    /// <exception cref="NvmeException">The controller refuses or failed.</exception>
    public bool ReadWriteCache() =>
        Identity.HasVolatileCache && Administer(session => (session.Admin.Execute(AdminCommand.GetFeatures(FeatureId.VolatileWriteCache), "Get Features (write cache)") & 1) != 0);

    /// <summary>Switches the volatile write cache on or off, until the controller is disposed.</summary>
    /// <exception cref="NvmeException">The controller has none, refuses, or failed.</exception>
    public void SetWriteCache(bool enabled) => Administer(session =>
    {
        session.SetWriteCache(enabled);
        _writeCache = enabled;
        return true;
    });

    /// <summary>Does admin work. A controller that does not answer, or nonsense, is reset; the caller gets the exception all the same.</summary>
    private T Administer<T>(Func<ControllerSession, T> work)
    {
        try
        {
            lock (_control)
            {
                ThrowIfUnusable();
                try
                {
                    return work(_session);
                }
                catch (NvmeException) when (_session.Admin.IsBroken)
                {
                    RecoverFromAdmin();
                    throw;
                }
            }
        }
        finally
        {
            RaiseNotices();
        }
    }

    private void RecoverFromAdmin()
    {
        bool isGone = _function.IsGone || _session.Port.IsGone;
        Recover(isGone
            ? new NvmeException(NvmeFault.Removed, "the controller was taken away")
            : new NvmeException(NvmeFault.Timeout, "the admin queue does not answer"));
    }
}
