using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Makatea.Virtio.Tests;

/// <summary>
/// A QEMU machine that boots from a vhost-user-blk disk, without any guest but the firmware and a boot sector: QEMU's own front end,
/// and SeaBIOS's own driver. Controlled through QMP on its standard input and output.
/// </summary>
internal sealed class QemuMachine : IDisposable
{
    private const string Program = "qemu-system-x86_64";
    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(30);
    private readonly Process _process;

    /// <param name="socketPath">Where the back-end listens.</param>
    /// <param name="queues">Number of queues.</param>
    /// <param name="options">More options of QEMU's.</param>
    /// <param name="disk">More options of the disk's.</param>
    public QemuMachine(string socketPath, int queues = 1, string[]? options = null, string disk = "")
    {
        Skip.IfNot(
            Environment.GetEnvironmentVariable("PATH")!.Split(':').Any(d => File.Exists(Path.Combine(d, Program))),
            $"{Program} is missing; install the package qemu-system-x86");
        _process = Process.Start(new ProcessStartInfo(Program, [
            "-nodefaults", "-display", "none", "-accel", "tcg", "-qmp", "stdio",
            "-machine", "q35,memory-backend=mem", "-m", "64", "-object", "memory-backend-memfd,id=mem,size=64M,share=on",
            "-chardev", $"socket,id=disk,path={socketPath},reconnect=1",
            "-device", $"vhost-user-blk-pci,chardev=disk,num-queues={queues},bootindex=0{disk}",
            "-device", "isa-debug-exit,iobase=0xf4,iosize=4", .. options ?? []])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        _ = ReadLine("QMP");
        _ = Command("qmp_capabilities");
    }

    /// <summary>Runs a QMP command and returns what it gave.</summary>
    public JsonNode? Command(string name, JsonObject? arguments = null)
    {
        try
        {
            _process.StandardInput.WriteLine(new JsonObject { ["execute"] = name, ["arguments"] = arguments ?? [] }.ToJsonString());
            _process.StandardInput.Flush();
        }
        catch (IOException e)
        {
            throw new InvalidOperationException($"QEMU took no command {name}", e);
        }

        return ReadLine("return", "error") is { } answer && answer.ContainsKey("return")
            ? answer["return"]
            : throw new InvalidOperationException($"{name} failed");
    }

    /// <summary>Waits for the machine's end and returns its exit code.</summary>
    public int WaitForExit() => _process.WaitForExit(_patience) ? _process.ExitCode : throw new TimeoutException("the machine did not end");

    public void Dispose()
    {
        if (!_process.HasExited)
        {
            _process.Kill();
            _process.WaitForExit();
        }

        _process.Dispose();
    }

    private JsonObject ReadLine(params string[] keys)
    {
        while (true)
        {
            Task<string?> line = _process.StandardOutput.ReadLineAsync();
            if (!line.Wait(_patience) || line.Result is null)
            {
                throw new InvalidOperationException($"QEMU said nothing more; {(_process.HasExited ? _process.StandardError.ReadToEnd() : "it runs")}");
            }

            try
            {
                if (JsonNode.Parse(line.Result) is JsonObject message && keys.Any(message.ContainsKey))
                {
                    return message;
                }
            }
            catch (JsonException)
            {
                // Not QMP.
            }
        }
    }
}
