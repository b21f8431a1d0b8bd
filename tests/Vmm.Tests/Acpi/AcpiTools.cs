using System.ComponentModel;
using System.Diagnostics;

namespace Makatea.Vmm.Tests.Acpi;

/// <summary>ACPICA's own tools: the code by which Linux reads and runs the tables.</summary>
internal static class AcpiTools
{
    /// <summary>Disassembles a table and compiles what comes out, neither with anything to complain about.</summary>
    /// <returns>The source and what it was compiled to.</returns>
    public static (string Source, byte[] Compiled) RoundTrip(byte[] table)
    {
        using TemporaryFolder folder = new();
        folder.Write("table.aml", table);
        string disassembly = Run(folder, "iasl", "-d", "table.aml");
        Assert.DoesNotContain("rror", disassembly);
        Assert.DoesNotContain("arning", disassembly);
        string source = folder.Read("table.dsl");
        Assert.DoesNotContain("rror", source);
        Assert.DoesNotContain("arning", source);
        string compilation = Run(folder, "iasl", "-oa", "-p", "again", "table.dsl");
        Assert.Contains("0 Errors, 0 Warnings, 0 Remarks", compilation);
        return (source, folder.ReadBytes("again.aml"));
    }

    /// <summary>Interprets a DSDT.</summary>
    /// <param name="dsdt">The table.</param>
    /// <param name="command">A command of the interpreter's debugger.</param>
    /// <param name="registers">What each byte of its I/O ports holds.</param>
    public static string Execute(byte[] dsdt, string command, byte registers = 0)
    {
        using TemporaryFolder folder = new();
        folder.Write("dsdt.aml", dsdt);
        return Run(folder, "acpiexec", "-fv", $"0x{registers:x2}", "-b", command, "dsdt.aml");
    }

    private static string Run(TemporaryFolder folder, string program, params string[] arguments)
    {
        ProcessStartInfo start = new(program, arguments) { WorkingDirectory = folder.Path, RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true };
        try
        {
            using Process process = Process.Start(start)!;
            process.StandardInput.Close();
            Task<string> errors = process.StandardError.ReadToEndAsync();
            string output = process.StandardOutput.ReadToEnd() + errors.Result;
            process.WaitForExit();
            return output;
        }
        catch (Win32Exception)
        {
            Skip.If(true, $"{program} is missing: apt-get install acpica-tools (./test.sh does)");
            throw;
        }
    }

    private sealed class TemporaryFolder : IDisposable
    {
        public string Path { get; } = Directory.CreateTempSubdirectory("makatea-acpi-").FullName;

        public void Write(string name, byte[] content) => File.WriteAllBytes(System.IO.Path.Combine(Path, name), content);

        public string Read(string name) => File.ReadAllText(System.IO.Path.Combine(Path, name));

        public byte[] ReadBytes(string name) => File.ReadAllBytes(System.IO.Path.Combine(Path, name));

        public void Dispose() => Directory.Delete(Path, true);
    }
}
