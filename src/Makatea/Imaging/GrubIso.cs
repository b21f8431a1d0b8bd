using System.ComponentModel;
using System.Diagnostics;
using Makatea.Cli;

namespace Makatea.Imaging;

/// <summary>A CD image that GRUB boots on a PC: the kernel and a boot module. <c>grub-mkrescue</c> writes it.</summary>
internal static class GrubIso
{
    private const string Program = "grub-mkrescue";
    private const string Modules = "/usr/lib/grub";
    private const string Packages = "grub-common grub-pc-bin xorriso mtools";

    private const string Menu = """
        set timeout=0
        menuentry "Makatea" {
            multiboot /boot/sel4.elf
            module /boot/module.elf
        }

        """;

    /// <summary>Writes one.</summary>
    /// <exception cref="CommandException">A program for it is missing, or failed.</exception>
    public static void Write(string kernel, byte[] module, string path)
    {
        if (!Directory.Exists(Modules) || Directory.GetFiles(Modules, "multiboot.mod", new EnumerationOptions { RecurseSubdirectories = true, IgnoreInaccessible = true }) is [])
        {
            throw Missing("GRUB's modules for a PC");
        }

        DirectoryInfo tree = Directory.CreateTempSubdirectory("makatea-iso-");
        try
        {
            string boot = tree.CreateSubdirectory("boot/grub").Parent!.FullName;
            File.Copy(kernel, Path.Combine(boot, "sel4.elf"));
            File.WriteAllBytes(Path.Combine(boot, "module.elf"), module);
            File.WriteAllText(Path.Combine(boot, "grub/grub.cfg"), Menu);
            Run("--output", path, "--locales=", "--fonts=", "--themes=", tree.FullName);
        }
        finally
        {
            tree.Delete(recursive: true);
        }
    }

    private static void Run(params string[] arguments)
    {
        try
        {
            using Process process = Process.Start(new ProcessStartInfo(Program, arguments) { RedirectStandardError = true, RedirectStandardOutput = true })!;
            Task<string> output = process.StandardOutput.ReadToEndAsync();
            string error = process.StandardError.ReadToEnd();
            process.WaitForExit();
            if (process.ExitCode != 0)
            {
                throw new CommandException($"{Program} failed: {error.TrimEnd().Split('\n')[^1]} (it needs the Debian packages {Packages})");
            }

            _ = output.Result;
        }
        catch (Win32Exception e)
        {
            throw Missing(Program, e);
        }
    }

    private static CommandException Missing(string what, Exception? inner = null) =>
        new($"found no {what}, which {Program} needs to write a CD image; install it (Debian: apt-get install {Packages})", inner: inner);
}
