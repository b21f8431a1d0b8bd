using System.Globalization;
using Makatea.AdapterExchange;
using Makatea.Platform;
using Makatea.Platform.Sel4;

// Exchanges frames over the Ethernet adapter that it was granted:
//   adapterexchange SECONDS     until the time is over, with a peer that answers each frame
var component = Sel4Component.Attach();
try
{
    var time = TimeSpan.FromSeconds(int.Parse(args[0], CultureInfo.InvariantCulture));
    using var exchange = new Exchange(component.Host, component.Grants.OpenFunction(component.Grants.Functions.First()));
    exchange.WaitForLink();
    ComponentConsole.WriteLine("link is up");
    long started = TimeProvider.System.GetTimestamp();
    long said = started;
    do
    {
        exchange.RunWindow();
        if (TimeProvider.System.GetElapsedTime(said) > TimeSpan.FromSeconds(2))
        {
            said = TimeProvider.System.GetTimestamp();
            ComponentConsole.WriteLine($"{exchange.Answered} frames went there and back as they were, memory {Sel4Component.CountMemory() >> 10} KiB");
        }
    }
    while (TimeProvider.System.GetElapsedTime(started) < time);
    NetStatistics statistics = exchange.Statistics;
    ComponentConsole.WriteLine($"done: {exchange.Answered} frames there and back as they were, {exchange.Resent} sent again, {statistics.CopiedFrames} copied, {statistics.Resets} resets");
    return 0;
}
catch (Exception e) when (e is IOException or GrantException or InvalidDataException)
{
    ComponentConsole.WriteLine($"failed: {e.Message}");
    return 1;
}
