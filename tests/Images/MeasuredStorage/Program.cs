using Makatea.Domains.Storage;
using Makatea.Platform.Sel4;
using Makatea.Sel4.Programs;

// Serves as the storage domain does, and says what it uses.
var component = Sel4Component.Attach();
using var domain = new StorageDomain(component.ReadManifest(), component.Host, component.Grants, new StorageDomainOptions { Logger = new LineLogger() });
domain.Start();
ComponentConsole.WriteLine($"serving (start {component.Generation})");
new Thread(() =>
{
    while (true)
    {
        Thread.Sleep(TimeSpan.FromSeconds(2));
        ComponentConsole.WriteLine($"memory {Sel4Component.CountMemory() >> 10} KiB");
    }
})
{ IsBackground = true }.Start();
domain.Wait();
