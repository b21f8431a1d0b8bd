using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Makatea.Platform.Linux.Tests;

/// <summary>What the probe reaches for: files, sockets and processes that are there and that an ordinary process can use.</summary>
public sealed class SandboxBed : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("makatea-sandbox-").FullName;
    private readonly Process _victim = Process.Start("/bin/sleep", "600");
    private readonly Socket _tcp = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
    private readonly Socket _path = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
    private readonly Socket _name = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
    private const int Slot = 9;
    private readonly SafeFileHandle _leaked;
    private readonly SafeFileHandle _granted;

    /// <summary>Makes it all.</summary>
    public SandboxBed()
    {
        const UnixFileMode Everybody = (UnixFileMode)0x1FF;
        File.SetUnixFileMode(_directory, Everybody);
        string secret = Path.Combine(_directory, "secret");
        File.WriteAllText(secret, "secret");
        File.SetUnixFileMode(secret, Everybody);

        _granted = File.OpenHandle(secret);

        // A copy of the probe that everybody may read and write: what refuses to write it is the sandbox.
        string program = Directory.CreateDirectory(Path.Combine(_directory, "program")).FullName;
        File.SetUnixFileMode(program, Everybody);
        foreach (string file in Directory.GetFiles(Path.GetDirectoryName(Linux.Tests.Probe.Assembly)!))
        {
            string copy = Path.Combine(program, Path.GetFileName(file));
            File.Copy(file, copy);
            File.SetUnixFileMode(copy, Everybody);
        }

        Probe = Path.Combine(program, Path.GetFileName(Linux.Tests.Probe.Assembly));
        string removable = Path.Combine(_directory, "removable");
        File.WriteAllText(removable, "");
        string leaked = Path.Combine(_directory, "leaked");
        File.WriteAllText(leaked, "leaked");
        _leaked = File.OpenHandle(leaked);
        Assert.Equal(0, Libc.Fcntl(_leaked, Libc.F_SETFD, 0));
        Assert.Equal(0, Libc.StatxAt(Libc.AT_FDCWD, leaked, 0, Libc.STATX_BASIC_STATS, out Libc.Statx stat));

        string socket = Path.Combine(_directory, "socket");
        string name = "makatea-" + Guid.NewGuid().ToString("N");
        Listen(_tcp, new IPEndPoint(IPAddress.Loopback, 0));
        Listen(_path, new UnixDomainSocketEndPoint(socket));
        Listen(_name, new UnixDomainSocketEndPoint('\0' + name));
        File.SetUnixFileMode(socket, Everybody);
        Targets =
        [
            $"secret={secret}", $"removable={removable}", $"leaked={stat.Inode}", $"victim={_victim.Id}", $"parent={Environment.ProcessId}", $"port={((IPEndPoint)_tcp.LocalEndPoint!).Port}",
            $"socket={socket}", $"name={name}", $"writable={_directory}",
        ];
    }

    /// <summary>The probe's assembly.</summary>
    public string Probe { get; }

    /// <summary>Arguments that tell the probe.</summary>
    public string[] Targets { get; }

    /// <summary>Adds to a sandbox a descriptor for reading of a file that it could write if it could open it.</summary>
    public SandboxOptions GrantToRead(SandboxOptions options) => options with
    {
        Descriptors = new Dictionary<int, SafeHandle>(options.Descriptors) { [Slot] = _granted },
        Arguments = [.. options.Arguments, $"slot={Slot}"],
    };

    /// <inheritdoc/>
    public void Dispose()
    {
        _victim.Kill();
        _victim.Dispose();
        _tcp.Dispose();
        _path.Dispose();
        _name.Dispose();
        _leaked.Dispose();
        _granted.Dispose();
        Directory.Delete(_directory, recursive: true);
    }

    private static void Listen(Socket socket, EndPoint at)
    {
        socket.Bind(at);
        socket.Listen(64);
    }
}
