using Makatea.Platform;

namespace Makatea.Drivers.Pci;

/// <summary>
/// Resets one function: by PCI Express ([PCIe-5.0] 6.6.2), by the advanced features capability ([PCI AF ECN]), or by the way through D3 ([PCIPM-1.2] 5.4), the first that it has.
/// </summary>
internal sealed class FunctionReset(PciConfigSpace config, Func<PciCapabilityId, int> find, TimeProvider clock)
{
    private const int ExpressCapabilities = 4;
    private const uint ExpressHasReset = 1 << 28;
    private const int ExpressControl = 8;
    private const int ExpressStatus = 10;
    private const uint TransactionsPending = 1 << 5;
    private const uint ExpressReset = 1 << 15;
    private const int FeatureFlags = 3;
    private const uint FeaturesHaveReset = 1 << 1;
    private const int FeatureControl = 4;
    private const int FeatureStatus = 5;
    private const int PowerControl = 4;
    private const uint PowerState = 3;
    private const uint NoSoftReset = 1 << 3;
    private static readonly TimeSpan _pendingTime = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan _resetTime = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan _powerTime = TimeSpan.FromMilliseconds(10);
    private static readonly TimeSpan _readyTime = TimeSpan.FromSeconds(60);

    /// <summary>Resets it and waits until it answers; base addresses and command are gone then.</summary>
    /// <exception cref="IOException">It cannot be reset, or does not come back.</exception>
    public void Run()
    {
        int express = find(PciCapabilityId.Express);
        int features = find(PciCapabilityId.AdvancedFeatures);
        int power = find(PciCapabilityId.PowerManagement);
        if (express != 0 && (config.Read(express + ExpressCapabilities, 4) & ExpressHasReset) != 0)
        {
            WaitForTransactions(express + ExpressStatus, TransactionsPending);
            config.Write(express + ExpressControl, 2, config.Read(express + ExpressControl, 2) | ExpressReset);
            Wait(_resetTime);
        }
        else if (features != 0 && (config.Read(features + FeatureFlags, 1) & FeaturesHaveReset) != 0)
        {
            WaitForTransactions(features + FeatureStatus, 1);
            config.Write(features + FeatureControl, 1, 1);
            Wait(_resetTime);
        }
        else if (power != 0 && (config.Read(power + PowerControl, 2) & NoSoftReset) == 0)
        {
            uint control = config.Read(power + PowerControl, 2) & ~PowerState;
            config.Write(power + PowerControl, 2, control | PowerState);
            Wait(_powerTime);
            config.Write(power + PowerControl, 2, control);
            Wait(_powerTime);
        }
        else
        {
            throw new IOException($"the function has no reset of its own (PCI Express, advanced features, or through D3); reset it by its registers");
        }

        WaitUntilReady();
    }

    private void WaitForTransactions(int status, uint pending)
    {
        // What is still pending after this is lost with the reset: the function was told to start nothing more.
        long started = clock.GetTimestamp();
        while ((config.Read(status, status % 2 == 0 ? 2 : 1) & pending) != 0 && clock.GetElapsedTime(started) < _pendingTime)
        {
            Wait(TimeSpan.FromMilliseconds(1));
        }
    }

    /// <summary>A function that is not ready answers with vendor ID 1, or not at all ([PCIe-5.0] 2.3.1.1).</summary>
    private void WaitUntilReady()
    {
        long started = clock.GetTimestamp();
        while ((ushort)config.Read(PciConfig.VendorId, 2) is 0 or 1 or ushort.MaxValue)
        {
            if (clock.GetElapsedTime(started) > _readyTime)
            {
                throw new IOException($"the function did not come back within {_readyTime.TotalSeconds} s of its reset; it counts as gone");
            }

            Wait(TimeSpan.FromMilliseconds(10));
        }
    }

    private void Wait(TimeSpan time)
    {
        using var never = new ManualResetEventSlim();
        never.Wait(time);
    }
}
