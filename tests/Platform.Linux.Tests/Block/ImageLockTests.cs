using System.Diagnostics;
using Microsoft.Win32.SafeHandles;

namespace Makatea.Platform.Linux.Tests;

/// <summary>Two programs do not write one image.</summary>
public sealed class ImageLockTests : IDisposable
{
    private static readonly FileBlockOptions Writer = new() { LockTimeout = TimeSpan.Zero };
    private static readonly FileBlockOptions Reader = Writer with { ReadOnly = true };
    private static readonly FileBlockOptions SharingWriter = Writer with { Locking = FileLocking.Shared };
    private static readonly FileBlockOptions SharingReader = Reader with { Locking = FileLocking.Shared };

    private readonly string _path = Path.Combine(Path.GetTempPath(), $"makatea-lock-{Guid.NewGuid():N}.img");

    public ImageLockTests()
    {
        using FileStream file = File.Create(_path);
        file.SetLength(1 << 20);
    }

    public static TheoryData<string, string, bool> Pairs => new()
    {
        { nameof(Writer), nameof(Writer), false },
        { nameof(Writer), nameof(Reader), false },
        { nameof(Reader), nameof(Writer), false },
        { nameof(Reader), nameof(Reader), true },
        { nameof(Writer), nameof(SharingWriter), false },
        { nameof(SharingWriter), nameof(Writer), false },
        { nameof(SharingWriter), nameof(Reader), false },
        { nameof(SharingWriter), nameof(SharingWriter), true },
        { nameof(SharingWriter), nameof(SharingReader), true },
        { nameof(SharingReader), nameof(Writer), true },
        { nameof(Reader), nameof(SharingReader), true },
    };

    [Theory]
    [MemberData(nameof(Pairs))]
    public void Who_may_open_an_image_beside_whom(string first, string second, bool together)
    {
        using FileBlockDevice held = FileBlockDevice.Open(_path, Options(first));
        if (together)
        {
            FileBlockDevice.Open(_path, Options(second)).Dispose();
        }
        else
        {
            string message = Assert.Throws<IOException>(() => FileBlockDevice.Open(_path, Options(second))).Message;
            Assert.StartsWith($"'{_path}' is in use: another program ", message, StringComparison.Ordinal);
        }

        FileBlockDevice.Open(_path, SharingReader with { Locking = FileLocking.None }).Dispose();
    }

    [Fact]
    public void A_closed_image_can_be_opened_again()
    {
        FileBlockDevice.Open(_path, Writer).Dispose();
        FileBlockDevice.Open(_path, Writer).Dispose();
    }

    [Fact]
    public void A_refused_open_leaves_no_lock_behind()
    {
        using (FileBlockDevice reader = FileBlockDevice.Open(_path, Reader))
        {
            Assert.Throws<IOException>(() => FileBlockDevice.Open(_path, Writer));
            FileBlockDevice.Open(_path, Reader).Dispose();
        }

        FileBlockDevice.Open(_path, Writer).Dispose();
    }

    [Fact]
    public void An_image_that_becomes_free_in_time_is_opened()
    {
        FileBlockDevice held = FileBlockDevice.Open(_path, Writer);
        using Timer timer = new(_ => held.Dispose(), null, 200, Timeout.Infinite);
        long start = Stopwatch.GetTimestamp();
        FileBlockDevice.Open(_path, Writer with { LockTimeout = TimeSpan.FromSeconds(20) }).Dispose();
        Assert.InRange(Stopwatch.GetElapsedTime(start), TimeSpan.FromMilliseconds(150), TimeSpan.FromSeconds(20));
    }

    /// <summary>A manager that holds the descriptor, and a domain that it starts again.</summary>
    [Fact]
    public void Copies_of_one_descriptor_have_one_lock()
    {
        using SafeFileHandle manager = new(Libc.Open(_path, Libc.O_RDWR | Libc.O_CLOEXEC, 0), true);
        using FileBlockDevice killed = FileBlockDevice.Open(TestDisk.Duplicate(manager), Writer);
        FileBlockDevice restarted = FileBlockDevice.Open(TestDisk.Duplicate(manager), Writer);
        Assert.Throws<IOException>(() => FileBlockDevice.Open(_path, Writer));
        restarted.Dispose();
        FileBlockDevice.Open(_path, Writer).Dispose();
    }

    [SkippableFact]
    public void Qemu_does_not_touch_an_image_that_we_write()
    {
        using (FileBlockDevice held = FileBlockDevice.Open(_path, Writer))
        {
            (int code, string output) = QemuIo("-c", "write 0 512", _path);
            Assert.NotEqual(0, code);
            Assert.Contains("lock", output, StringComparison.Ordinal);
        }

        Assert.Equal(0, QemuIo("-c", "write 0 512", _path).ExitCode);

        using FileBlockDevice reader = FileBlockDevice.Open(_path, Reader);
        Assert.Equal(0, QemuIo("-r", "-c", "read 0 512", _path).ExitCode);
        Assert.NotEqual(0, QemuIo("-c", "write 0 512", _path).ExitCode);
    }

    [SkippableFact]
    public void We_do_not_touch_an_image_that_Qemu_writes()
    {
        using Process qemu = StartQemuIo([_path]);
        qemu.StandardInput.WriteLine("write 0 512");
        Assert.Contains("wrote 512/512", ReadUntil(qemu, "wrote"), StringComparison.Ordinal);
        string message = Assert.Throws<IOException>(() => FileBlockDevice.Open(_path, Writer)).Message;
        Assert.Contains("another program", message, StringComparison.Ordinal);
        qemu.StandardInput.Close();
        Assert.True(qemu.WaitForExit(10_000));
        FileBlockDevice.Open(_path, Writer).Dispose();
    }

    public void Dispose() => File.Delete(_path);

    private static FileBlockOptions Options(string name) => name switch
    {
        nameof(Writer) => Writer,
        nameof(Reader) => Reader,
        nameof(SharingWriter) => SharingWriter,
        _ => SharingReader,
    };

    private static (int ExitCode, string Output) QemuIo(params string[] arguments)
    {
        using Process process = StartQemuIo(arguments);
        process.StandardInput.Close();
        Task<string> error = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd() + error.Result;
        Assert.True(process.WaitForExit(10_000));
        return (process.ExitCode, output);
    }

    private static Process StartQemuIo(string[] arguments)
    {
        const string Program = "/usr/bin/qemu-io";
        Skip.IfNot(File.Exists(Program), $"{Program} is missing; apt-get install qemu-utils");
        return Process.Start(new ProcessStartInfo(Program, ["-f", "raw", .. arguments])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
    }

    private static string ReadUntil(Process process, string word)
    {
        while (process.StandardOutput.ReadLine() is string line)
        {
            if (line.Contains(word, StringComparison.Ordinal))
            {
                return line;
            }
        }

        return "";
    }
}
