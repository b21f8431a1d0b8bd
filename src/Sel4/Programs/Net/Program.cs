using Makatea.Domains.Net;
using Makatea.NetStack;
using Makatea.Platform;
using Makatea.Platform.Sel4;
using Makatea.Sel4.Programs;

// A net domain on seL4: routes for the clients that its manifest names until it is ended from outside.
var component = Sel4Component.Attach();
try
{
    using var domain = new NetDomain(component.ReadManifest(), component.Host, component.Grants, new NetDomainSettings
    {
        Logger = new LineLogger(),

        // A component's heap is small, and what comes over TCP are questions for names and their answers.
        Tcp = new TcpOptions { SendBuffer = 16 << 10, ReceiveBuffer = 16 << 10, MaximumConnections = 64, MaximumConnectionsPerPort = 16 },
    });
    domain.Start();
    ComponentConsole.WriteLine($"serving (start {component.Generation})");
    Thread.Sleep(Timeout.Infinite);
    return 0;
}
catch (Exception e) when (e is ArgumentException or IOException or GrantException)
{
    ComponentConsole.WriteLine($"cannot serve: {e.Message}");
    return 1;
}
