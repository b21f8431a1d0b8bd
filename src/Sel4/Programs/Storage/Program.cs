using Makatea.Domains.Storage;
using Makatea.Platform;
using Makatea.Platform.Sel4;
using Makatea.Sel4.Programs;

// A storage domain on seL4: serves what its manifest names until it is ended from outside.
var component = Sel4Component.Attach();
try
{
    using var domain = new StorageDomain(component.ReadManifest(), component.Host, component.Grants, new StorageDomainOptions
    {
        Logger = new LineLogger(),

        // When it was started again, guests of its other devices wait for it.
        DeviceFailed = component.Generation == 1 ? null : static (device, e) => ComponentConsole.WriteLine($"{device.Name} is not served: {e.Message}"),
    });
    domain.Start();
    ComponentConsole.WriteLine($"serving (start {component.Generation})");
    domain.Wait();
    return 0;
}
catch (Exception e) when (e is ArgumentException or IOException or GrantException)
{
    ComponentConsole.WriteLine($"cannot serve: {e.Message}");
    return 1;
}
