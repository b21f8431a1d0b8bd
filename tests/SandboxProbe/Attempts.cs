using System.ComponentModel;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text;
using static Makatea.SandboxProbe.Native;

namespace Makatea.SandboxProbe;

/// <summary>What a component must not be able to do. Every one of these works for an ordinary process, or does for root.</summary>
internal static unsafe class Attempts
{
    private const int ReadOnly = 0;
    private const int ReadWrite = 2;
    private const int CreateExclusive = 0x40 | 0x80 | 1;
    private static readonly EnumerationOptions _everything = new() { IgnoreInaccessible = true, AttributesToSkip = 0 };

    public static IEnumerable<(string Name, string Result)> All(Targets t) =>
    [
        ("read the list of users", Open("/etc/passwd", ReadOnly)),
        ("read passwords", Open("/etc/shadow", ReadOnly)),
        ("read a file of the starter", Open(t.Secret, ReadOnly)),
        ("write a file of the starter", Open(t.Secret, ReadWrite)),
        ("look for a file of the starter", File.Exists(t.Secret) ? "ok" : "2"),
        ("find the list of users anywhere", Directory.EnumerateDirectories("/", "*", _everything).Append("").Any(d => Open(d + "/etc/passwd", ReadOnly) == "ok") ? "ok" : "2"),
        ("list the root", List("/", "etc")),
        ("read the environment of the starter", Open($"/proc/{t.Parent}/environ", ReadOnly)),
        ("read the memory of another process", Open($"/proc/{t.Victim}/mem", ReadOnly)),
        ("see another process", Directory.Exists($"/proc/{t.Victim}") ? "ok" : "2"),
        ("open the system's memory", Open("/dev/mem", ReadOnly)),
        ("open /dev/kvm", Open("/dev/kvm", ReadWrite)),
        ("create a file in a shared directory", Create(t.Writable)),
        ("create a file in the root", Create("/")),
        ("create a file in /tmp", Create("/tmp")),
        ("create a file in /dev/shm", Create("/dev/shm")),
        ("create a file beside the program", Create(AppContext.BaseDirectory)),
        ("write the program", Open(typeof(Attempts).Assembly.Location, ReadWrite)),
        ("connect to TCP on loopback", Connect(new IPEndPoint(IPAddress.Loopback, t.Port))),
        ("connect to a UNIX socket by path", Connect(new UnixDomainSocketEndPoint(t.SocketPath))),
        ("connect to an abstract UNIX socket", Connect(new UnixDomainSocketEndPoint('\0' + t.SocketName))),
        ("signal another process", Try(62, t.Victim, 0)),
        ("signal the starter", Try(62, t.Parent, 0)),
        ("signal everybody", Try(62, -1, 0)),
        ("get a descriptor of another process", TryDescriptor(434, t.Victim, 0)),
        ("read memory by process_vm_readv", ReadMemory(t.Victim)),
        ("trace another process", Trace(t.Victim)),
        ("start a shell", StartShell()),
        ("start a program with another interpreter", StartProgram("/bin/sh")),
        ("enter a user namespace", InChildThread(() => Try(272, 0x1000_0000))),
        ("enter a mount namespace", InChildThread(() => Try(272, 0x2_0000))),
        ("enter a network namespace", InChildThread(() => Try(272, 0x4000_0000))),
        ("use a keyring", Try(250, 0, -3, 1)), // KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING
        ("handle page faults of the kernel", TryDescriptor(323, 1)), // userfaultfd(UFFD_USER_MODE_ONLY)
        ("make a ring", MakeRing()),
        ("make a BPF map", MakeBpfMap()),
        ("use CAP_SYS_CHROOT", UsePath(161, "/")),
        ("use CAP_SETUID", Try(117, 0, 0, 0)),
        ("use CAP_SYS_RESOURCE", RaiseLimit()),
        ("use CAP_NET_RAW", TryDescriptor(41, 17, 3, 0)), // socket(AF_PACKET, SOCK_RAW)
        ("have a capability", HasCapability() ? "ok" : "1"),
        ("see an inherited descriptor", HasDescriptorOf(t.LeakedInode) ? "ok" : "9"),
        ("open a read-only descriptor again to write", Reopen(t)),
        ("see a network interface", File.Exists("/sys/class/net/lo/address") ? "ok" : "2"),
        ("read the kernel's command line", Open("/proc/cmdline", ReadOnly)),
        ("know the host's name", Environment.MachineName == "sandbox" ? "2" : "ok"),
    ];

    /// <summary>Makes each call with arguments that can do nothing.</summary>
    public static IEnumerable<(string Name, string Result)> Calls(IEnumerable<int> numbers) =>
        numbers.Select(n => (n.ToString(), Try(n, -1, -1, -1, -1, -1, -1)));

    private static string List(string directory, string name) =>
        Directory.EnumerateFileSystemEntries(directory, "*", _everything).Any(e => Path.GetFileName(e) == name && Open(e, ReadOnly) == "ok") ? "ok" : "2";

    private static string Create(string directory)
    {
        string path = Path.Combine(directory, $"probe-{Environment.ProcessId}-{Guid.NewGuid():N}");
        string result = Open(path, CreateExclusive, 0x180);
        if (result == "ok")
        {
            File.Delete(path);
        }

        return result;
    }

    private static string Connect(EndPoint to)
    {
        long socket = Call(41, (long)to.AddressFamily == 1 ? 1 : 2, 1, 0);
        if (socket < 0)
        {
            return Result(socket);
        }

        SocketAddress address = to.Serialize();
        string result;
        fixed (byte* p = address.Buffer.Span)
        {
            result = Try(42, socket, (long)p, address.Size);
        }

        Call(3, socket);
        return result;
    }

    private static string Reopen(Targets t)
    {
        if (t.ReadOnlySlot is { } slot)
        {
            return Open($"/proc/self/fd/{slot}", ReadWrite);
        }

        long fd;
        fixed (byte* p = Encoding.UTF8.GetBytes(t.Secret + '\0'))
        {
            fd = Call(257, AtCurrentDirectory, (long)p, ReadOnly);
        }

        return fd < 0 ? Result(fd) : Open($"/proc/self/fd/{fd}", ReadWrite);
    }

    private static string ReadMemory(int process)
    {
        // Nothing is mapped at the remote address: EFAULT says that the access itself was allowed.
        byte buffer;
        long* local = stackalloc long[] { (long)&buffer, 1 };
        long* remote = stackalloc long[] { 16, 1 };
        string result = Try(310, process, (long)local, 1, (long)remote, 1, 0);
        return result == "14" ? "ok" : result;
    }

    private static string Trace(int process)
    {
        string result = Try(101, 0x4206, process, 0, 0); // PTRACE_SEIZE, which does not stop it
        if (result == "ok")
        {
            Try(101, 17, process, 0, 0); // PTRACE_DETACH wants it stopped; it ends with this thread at the latest
        }

        return result;
    }

    private static string StartShell()
    {
        try
        {
            using Process shell = Process.Start(new ProcessStartInfo("/bin/sh", ["-c", "exit 0"]) { RedirectStandardInput = true })!;
            shell.WaitForExit();
            return shell.ExitCode == 0 ? "ok" : "exit";
        }
        catch (Win32Exception e)
        {
            return e.NativeErrorCode.ToString();
        }
    }

    /// <summary>The path of a program at the address that the first execve was admitted with.</summary>
    private static string StartProgram(string path)
    {
        long low = Call(9, 0x1_0000, 4096, 3, 0x10_0022, -1, 0); // mmap(MAP_FIXED_NOREPLACE | MAP_PRIVATE | MAP_ANONYMOUS)
        if (low < 0)
        {
            return Result(low);
        }

        Encoding.UTF8.GetBytes(path + '\0').CopyTo(new Span<byte>((void*)low, 4096));
        Call(11, low, 4096);
        return "ok"; // outside it could: not done, it would be the last attempt
    }

    /// <summary>On a thread of its own, so that what it changes about the thread ends with it.</summary>
    private static string InChildThread(Func<string> attempt)
    {
        string result = "";
        var thread = new Thread(() =>
        {
            // A thread that shares its file system state cannot enter some namespaces; give it its own first (CLONE_FS).
            Try(272, 0x200);
            result = attempt();
        });
        thread.Start();
        thread.Join();

        // EINVAL: refused only because .NET has threads, not for lack of rights.
        return result == "22" ? "ok" : result;
    }

    private static string MakeRing()
    {
        byte* parameters = stackalloc byte[120];
        new Span<byte>(parameters, 120).Clear();
        return TryDescriptor(425, 4, (long)parameters);
    }

    private static string MakeBpfMap()
    {
        // BPF_MAP_CREATE of an array: type 2, key 4, value 4, one entry.
        uint* attributes = stackalloc uint[32];
        new Span<uint>(attributes, 32).Clear();
        (attributes[0], attributes[1], attributes[2], attributes[3]) = (2, 4, 4, 1);
        return TryDescriptor(321, 0, (long)attributes, 128);
    }

    private static string UsePath(int number, string path)
    {
        fixed (byte* p = Encoding.UTF8.GetBytes(path + '\0'))
        {
            return Try(number, (long)p);
        }
    }

    private static string RaiseLimit()
    {
        ulong* limit = stackalloc ulong[2];
        Call(302, 0, 7, 0, (long)limit); // RLIMIT_NOFILE
        (limit[0], limit[1]) = (limit[0], limit[1] + 1);
        return Try(302, 0, 7, (long)limit, 0);
    }

    private static bool HasCapability() =>
        File.ReadLines("/proc/self/status").Any(l => l.StartsWith("Cap", StringComparison.Ordinal) && l.AsSpan(7).Trim().Trim('0').Length > 0);

    private static bool HasDescriptorOf(ulong inode)
    {
        // struct stat: st_ino is the second word.
        ulong* stat = stackalloc ulong[18];
        return Enumerable.Range(0, 4096).Any(fd => Call(5, fd, (long)stat) == 0 && stat[1] == inode);
    }
}
