using System.CommandLine;
using Makatea.Vmm;
using Makatea.Vmm.Linux;

Option<FileInfo> kernel = new("--kernel") { Description = "Boot this kernel: a bzImage, or an ELF file with a PVH entry.", HelpName = "FILE", Required = true };
Option<FileInfo> initramfs = new("--initramfs", "--initrd") { Description = "The initial file system.", HelpName = "FILE" };
Option<string> append = new("--append", "--cmdline") { Description = "The kernel's command line.", HelpName = "WORDS", DefaultValueFactory = _ => "console=ttyS0" };
Option<ulong> memory = new("--memory", "-m") { Description = "Memory in MiB, an even number; by default 256.", HelpName = "MIB", DefaultValueFactory = _ => 256 };
Option<int> processors = new("--cpus", "--smp") { Description = "Number of processors, 1 to 255; by default 1.", HelpName = "N", DefaultValueFactory = _ => 1 };
RootCommand root = new("Runs one qube on KVM. Its console is standard input and output.") { kernel, initramfs, append, memory, processors };
kernel.AcceptExistingOnly();
initramfs.AcceptExistingOnly();
root.SetAction(result =>
{
    using var vmm = new QubeProgram(result.GetValue(memory) << 20);
    using var kernelImage = new FileImage(result.GetValue(kernel)!);
    using FileImage? initramfsImage = result.GetValue(initramfs) is { } file ? new FileImage(file) : null;
    return vmm.Run(new QubeOptions
    {
        Memory = vmm.Memory,
        Layout = vmm.Layout,
        Processors = result.GetValue(processors),
        Kernel = kernelImage,
        Initramfs = initramfsImage,
        CommandLine = result.GetValue(append)!,
        RandomSeed = QubeProgram.ReadRandom(32),
    });
});
return root.Parse(args).Invoke();
