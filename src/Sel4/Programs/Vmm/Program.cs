using Makatea.Platform;
using Makatea.Platform.Sel4;
using Makatea.Sel4.Programs;
using Makatea.Vmm;
using Makatea.Vmm.Boot;
using Makatea.Vmm.Policy;

// Runs the guest that it was granted, from files of the image:
//   vmm KERNEL [INITRAMFS [COMMAND LINE]]
// Status 0: the guest powered itself off. 3: it asked for a reset, so that 'restart: true' starts it anew.
const string Guest = "guest";
const int FailedStatus = 1;
const int UsageStatus = 2;
const int ResetStatus = 3;
var component = Sel4Component.Attach();
try
{
    if (args is not [var kernelName, .. var rest])
    {
        ComponentConsole.WriteLine("found no kernel, expected: KERNEL [INITRAMFS [COMMAND LINE]]");
        return UsageStatus;
    }

    VirtualMachine machine = component.Grants.OpenGuest(Guest);
    using MappedMemory memory = component.Grants.OpenGuestMemory(Guest);
    using MappedMemory kernel = component.Grants.OpenArchiveFile(kernelName);
    using MappedMemory? initramfs = rest is [{ Length: > 0 } initramfsName, ..] ? component.Grants.OpenArchiveFile(initramfsName) : null;
    var layout = new GuestLayout(memory.Length, new CpuidModel(machine.Info, new CpuTopology(1), 0).PhysicalAddressBits);
    byte[] seed = new byte[32];
    using (FileStream random = File.OpenRead("/dev/urandom"))
    {
        random.ReadExactly(seed);
    }

    var options = new QubeOptions
    {
        Memory = new GuestMemory([new GuestMemoryRegion(0, (ulong)memory.Address, memory.Length, memory, 0)]),
        Layout = layout,
        Kernel = new MappedImage(kernel),
        Initramfs = initramfs is null ? null : new MappedImage(initramfs),
        CommandLine = string.Join(' ', rest.Skip(1)),
        RandomSeed = seed,
        Report = ComponentConsole.WriteLine,
    };
    using var qube = new Qube(machine, component.Host, options);
    using var console = new ConsoleLines(qube.Console, ComponentConsole.WriteLine);
    ComponentConsole.WriteLine($"guest: {memory.Length >> 20} MiB, counter {qube.TscFrequency / 1_000_000} MHz");
    qube.Start();
    QubeEnd end = qube.Wait();
    console.Finish();
    ComponentConsole.WriteLine($"guest ended: {end.Kind}{(end.Reason is null ? "" : $", {end.Reason}")}; {qube.Processors[0].Exits} exits");
    return end.Kind switch
    {
        QubeEndKind.PoweredOff => 0,
        QubeEndKind.Reset => ResetStatus,
        _ => FailedStatus,
    };
}
catch (Exception e) when (e is IOException or GrantException or BootException or InvalidDataException or ArgumentException)
{
    ComponentConsole.WriteLine($"failed: {e.Message}");
    return FailedStatus;
}
