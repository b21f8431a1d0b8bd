using System.Globalization;
using Makatea.BlockStress;

// Random direct writes and reads at a given depth, every one of them checked. Runs in a guest.
if (args is not [string device, string depth, string seed, string stopFile] || !ulong.TryParse(seed, CultureInfo.InvariantCulture, out ulong seedValue))
{
    Console.Error.WriteLine("usage: blockstress DEVICE DEPTH SEED STOP-FILE    runs until STOP-FILE is there, then checks every block it wrote");
    return 2;
}

using var disk = new DirectDisk(device);
var run = new StressRun(disk, int.Parse(depth, CultureInfo.InvariantCulture), seedValue);
return run.Run(() => File.Exists(stopFile)) ? 0 : 1;
