using Makatea.Domains.Net;
using Makatea.Platform.Sel4;
using Makatea.Sel4.Programs;

// Serves as the net domain does, and writes where nothing is after a while, in the middle of whatever it does; from its fourth start on it is whole.
const ulong Crashes = 3;
var component = Sel4Component.Attach();
using var domain = new NetDomain(component.ReadManifest(), component.Host, component.Grants, new NetDomainSettings { Logger = new LineLogger() });
domain.Start();
ComponentConsole.WriteLine($"serving (start {component.Generation})");
if (component.Generation <= Crashes)
{
    Crash(TimeSpan.FromMilliseconds(2000 + (component.Generation * 313)));
}

Thread.Sleep(Timeout.Infinite);

static unsafe void Crash(TimeSpan after)
{
    Thread.Sleep(after);
    *(byte*)0x5ead_b000 = 1;
}
