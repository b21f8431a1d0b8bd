using System.CommandLine;
using Makatea.Vmm;
using Makatea.Vmm.Boot;
using Makatea.Vmm.Linux;
using Makatea.Vmm.Virtio;

Option<FileInfo> kernel = new("--kernel") { Description = "Boot this kernel: a bzImage, or an ELF file with a PVH entry.", HelpName = "FILE", Required = true };
Option<FileInfo> initramfs = new("--initramfs", "--initrd") { Description = "The initial file system.", HelpName = "FILE" };
Option<string> commandLine = new("--cmdline", "--append") { Description = "The kernel's command line.", HelpName = "WORDS", DefaultValueFactory = _ => "console=ttyS0" };
Option<ulong> memory = new("--memory", "-m") { Description = "Memory in MiB, an even number.", HelpName = "MIB", DefaultValueFactory = _ => 256 };
Option<int> processors = new("--cpus", "--smp") { Description = "Number of processors, 1 to 255.", HelpName = "N", DefaultValueFactory = _ => 1 };
Option<string[]> disks = new("--disk") { Description = "A disk that a vhost-user-blk back end serves on a UNIX socket; for several disks, several times.", HelpName = "SOCKET", DefaultValueFactory = _ => [] };
RootCommand root = new("Runs one qube on KVM until it powers off. Its serial console is standard input and output; on a terminal Ctrl-] ends it.")
{
    kernel, initramfs, commandLine, memory, processors, disks,
};
kernel.AcceptExistingOnly();
initramfs.AcceptExistingOnly();
processors.Validators.Add(result =>
{
    if (result.Tokens.Count != 0 && (!int.TryParse(result.Tokens[0].Value, out int count) || count is < 1 or > 255))
    {
        result.AddError($"found --cpus {result.Tokens[0].Value}, expected 1 to 255");
    }
});
root.SetAction(async result =>
{
    try
    {
        using var program = new QubeProgram(checked(result.GetRequiredValue(memory) << 20));
        using var kernelImage = new FileImage(result.GetRequiredValue(kernel));
        using FileImage? initramfsImage = result.GetValue(initramfs) is { } file ? new FileImage(file) : null;
        foreach (string disk in result.GetRequiredValue(disks))
        {
            program.AddDisk(disk);
        }

        return await program.RunAsync(new QubeOptions
        {
            Memory = program.Memory,
            Layout = program.Layout,
            Processors = result.GetRequiredValue(processors),
            Kernel = kernelImage,
            Initramfs = initramfsImage,
            CommandLine = result.GetRequiredValue(commandLine),
        });
    }
    catch (Exception e) when (e is IOException or UnauthorizedAccessException or BootException or VirtioFrontEndException)
    {
        await Console.Error.WriteLineAsync($"makatea-vmm: {e.Message}");
        return 1;
    }
});
return await root.Parse(args).InvokeAsync();
